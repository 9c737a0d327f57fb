# One door for people and for CI. `make` alone says what there is.

GO        ?= go
STATIC    := $(GO) tool staticcheck
FUZZTIME  ?= 10s
BIN       := bin

.DEFAULT_GOAL := help
.PHONY: help build run demo cluster test race transports fuzz bench microbench microdiff microbase lint check

help: ## say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build leasecached and leasectl into bin/
	CGO_ENABLED=0 $(GO) build -o $(BIN)/ ./cmd/leasecached ./cmd/leasectl

run: build ## run a one-node server on loopback, ports 11211 and 11212, or with ARGS="--listen 127.0.0.1:21211 --admin 127.0.0.1:21212"; ctrl-C stops it
	$(BIN)/leasecached $(ARGS)

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

transports: ## run the tests of the server on its other transports: a goroutine for each connection, loops without io_uring
	$(GO) test -count=1 ./server -server.ring=false
	$(GO) test -race ./server -server.loops 0
	LEASECACHE_TEST_IO=goroutines $(GO) test -count=1 -skip "TestNodesThat|TestALeaderThat|TestRolling|TestPlanned" ./internal/apptest # several nodes care for no transport

fuzz: ## fuzz every target for FUZZTIME each (10s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "fuzz $$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

# The page in docs/ is made by a full run alone; a quick one writes to bin/bench.
BENCH     ?= full
bench: ## measure beside memcached and Redis, into docs/benchmarks.md; BENCH=quick is a look
	$(GO) run ./internal/bench -mode $(BENCH)

# As many runs of each as benchstat wants, and short ones.
MICRO     := $(GO) test -run '^$$' -bench . -benchmem -count 6 -benchtime 200ms ./protocol ./lease ./internal/storage/memory ./server
BASELINE  := docs/benchmarks/micro-baseline.txt

microbench: ## run the microbenchmarks of parser, rules, store and server, into bin/micro.txt
	@mkdir -p $(BIN)
	$(MICRO) > $(BIN)/micro.txt || { cat $(BIN)/micro.txt; exit 1; }
	@cat $(BIN)/micro.txt

$(BASELINE):
	@echo "there is no $@: \`make microbase\`, on the commit to compare with, writes it"; exit 1

microdiff: $(BASELINE) microbench ## run them and compare with the baseline in docs/benchmarks, of make microbase (benchstat)
	$(GO) run golang.org/x/perf/cmd/benchstat@latest $(BASELINE) $(BIN)/micro.txt

microbase: microbench ## run them and make that the baseline
	cp $(BIN)/micro.txt $(BASELINE)

lint: ## check format, vet and staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(STATIC) ./...
	$(GO) mod tidy -diff

cluster: build ## run three nodes on this machine and show who owns what, until ctrl-C
	$(BIN)/leasectl cluster $(ARGS)

check: lint race transports ## what CI runs: lint, tests under race, a short fuzz, the demo on SQLite and PostgreSQL
	$(GO) test -run 'TestMutants|TestRestartServesSoon|TestSimulationFindsBugs' ./lease ./shard/control ./shard/consensus ./internal/apptest # these run without race only
	$(GO) test -count=1 -run 'TestSimulation$$' ./shard/consensus # 1000 clusters of whole nodes; under race 40
	$(GO) test ./internal/storage/memory # under race the tests of its index see a part
	$(MAKE) fuzz FUZZTIME=3000x # a count: Go's fuzzer may take the end of a time for a failure
	$(MAKE) build
	$(GO) run ./internal/pgtest/with $(BIN)/leasectl demo --check --postgres '{dsn}'
	$(BIN)/leasectl demo --check
