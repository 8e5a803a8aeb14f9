#!/bin/sh
# Every check and every test, quickest first. Its last line reads `N passed, N failed, N skipped`.
set -eu
cd "$(dirname "$0")/.."

# No test ran, and the last line must not let that pass for a green run.
nothing_ran() {
  echo '0 passed, 1 failed, 0 skipped'
  exit 1
}

if ! sh scripts/with-node.sh node -e 'process.exitCode = parseInt(process.versions.node, 10) < 24 ? 1 : 0'; then
  echo "Node $(node --version) is too old to run the sources. For Linux, npm ci brings one; elsewhere install Node 24." >&2
  nothing_ran
fi
sh scripts/check.sh || nothing_ran

exec sh scripts/with-node.sh vitest run "$@"
