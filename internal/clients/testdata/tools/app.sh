#!/bin/sh
# What people do with libmemcached's tools. Arguments: host, port.
set -u
server=$1:$2
export MEMCACHED_SERVERS="$server"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
passed=0
failed=0

# check WHAT WANTED-CODE COMMAND...: the exit code is the assertion.
check() {
  what=$1 want=$2
  shift 2
  "$@" >out 2>&1
  code=$?
  if [ "$code" = "$want" ]; then
    passed=$((passed + 1))
    return
  fi
  failed=$((failed + 1))
  echo "FAILED $what: exit code $code, want $want"
  cat out
}

# says PATTERN: the last command said it.
says() {
  if grep -Eq -- "$1" out; then
    passed=$((passed + 1))
    return
  fi
  failed=$((failed + 1))
  echo "FAILED $what: does not say $1"
  cat out
}

printf 'hello' >small
head -c 1000000 /dev/urandom >large

check "memcping" 0 memcping
check "memcflush" 0 memcflush
check "memcexist of what is absent" 1 memcexist small
check "memccat of what is absent" 1 memccat small
check "memccp --add" 0 memccp --add small
check "memccp --add of what is there" 1 memccp --add small
check "memccp --replace" 0 memccp --replace small
check "memccp with flags and expiry" 0 memccp --flag=7 --expire=100 large
check "memcexist" 0 memcexist small
check "memccat" 0 memccat small
says '^hello$'
check "memccat --flags" 0 memccat --flags large
says '^7$'
check "memccat --file" 0 memccat --file=copy large
check "the copy is the same" 0 cmp large copy
check "memctouch" 0 memctouch --expire=100 small
check "memctouch of what is absent" 1 memctouch --expire=100 absent
check "memcrm" 0 memcrm small
check "memcrm of what is gone" 1 memcrm small

check "memcstat" 0 memcstat
says 'curr_items: [0-9]'
says 'version: [0-9]+\.[0-9]+\.[0-9]+'
check "memcstat settings" 0 memcstat --args=settings
says 'item_size_max: 1048576'
check "memcstat items" 0 memcstat --args=items
check "memcstat slabs" 0 memcstat --args=slabs

check "memcslap set" 0 memcslap --concurrency=2 --execute-number=500 --test=set
check "memcslap set without answers" 0 memcslap --concurrency=2 --execute-number=500 --test=set --noreply
check "memcslap get" 0 memcslap --concurrency=2 --execute-number=500 --test=get
check "memcslap mget" 0 memcslap --concurrency=2 --execute-number=500 --test=mget

# It stores values of many sizes and compares what it reads with what it wrote.
check "memcaslap" 0 memcaslap -s "$server" -T 1 -c 4 -x 4000 -v 1 -X 2000
says 'verify_failed: 0'
says 'verify_misses: 0'
says 'get_misses: 0'

echo "$(memccat --version | head -1): $passed passed, $failed failed"
[ "$failed" = 0 ]
