#!/bin/sh
# The checks that need no running product, quickest first. Stops at the first that fails.
set -eu
cd "$(dirname "$0")/.."

step() {
  name=$1
  shift
  echo "── $name"
  began=$(date +%s)
  if ! sh scripts/with-node.sh "$@"; then
    echo "── $name failed: $*" >&2
    exit 1
  fi
  echo "── $name passed in $(($(date +%s) - began)) s"
}

# Biome would colour every character apart, terminal or not, which makes a log file unreadable.
step 'format and lint' biome ci --colors=off --error-on-warnings .
step 'types' tsc -b
step 'layers' node scripts/check-layers.ts
step 'dead code' knip
step 'protobuf' buf lint packages/contract
step 'protobuf changes' buf breaking packages/contract --against packages/contract/proto/baseline.binpb
step 'generated files' node scripts/generate.mjs --check
step 'measures' node scripts/measure-sources.ts
