# One door for people and for CI. `make` alone says what there is.

GO        ?= go
STATIC    := $(GO) tool staticcheck
FUZZTIME  ?= 10s
BIN       := bin

.DEFAULT_GOAL := help
.PHONY: help build run demo test race goroutines fuzz bench lint check

help: ## say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build leasecached and leasectl into bin/
	$(GO) build -o $(BIN)/ ./cmd/leasecached ./cmd/leasectl

run: build ## run a one-node server on loopback, ports 11211 and 11212; ctrl-C stops it
	$(BIN)/leasecached

demo: build ## show stale reads without leases, and none with them, in front of SQLite
	$(BIN)/leasectl demo

# Without PostgreSQL's binaries the tests against it are left out, and that is
# said; CI refuses to run without them.
export LEASECACHE_NO_POSTGRES ?= $(shell command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || echo 1)

# Not from the cache: it does not know of the binaries that some tests build.
test: ## run all tests
	$(if $(filter 1,$(LEASECACHE_NO_POSTGRES)),@echo "no PostgreSQL here: the tests against it are left out")
	$(GO) test -count=1 $(TESTFLAGS) ./...

race: ## run all tests under the race detector
	@$(MAKE) test TESTFLAGS=-race

goroutines: ## run the tests of the server on its other transport, a goroutine for each connection
	$(GO) test -race ./server -server.loops 0
	LEASECACHE_TEST_IO=goroutines $(GO) test -count=1 ./internal/apptest

fuzz: ## fuzz every target for FUZZTIME each (10s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "fuzz $$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

bench: ## run the microbenchmarks of parser, rules, store and server
	$(GO) test -run '^$$' -bench . -benchmem ./protocol ./lease ./internal/storage/memory ./server

lint: ## check format, vet and staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(STATIC) ./...
	$(GO) mod tidy -diff

check: lint race goroutines ## what CI runs: lint, tests under race, a short fuzz, the demo on SQLite and PostgreSQL
	$(GO) test -run 'TestMutants|TestRestartServesSoon' ./lease ./internal/apptest # these two run without race only
	$(MAKE) fuzz FUZZTIME=3s
	$(MAKE) build
	$(GO) run ./internal/pgtest/with $(BIN)/leasectl demo --check --postgres '{dsn}'
	$(BIN)/leasectl demo --check
