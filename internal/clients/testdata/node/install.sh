#!/bin/sh
# Installs the Node clients and the programs that use them. Argument: an empty
# directory outside the repository.
set -eu
cp "$(dirname "$0")"/*.js "$(dirname "$0")"/*.mjs "$(dirname "$0")"/package*.json "$1"
cd "$1"
exec npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=1 --loglevel=error
