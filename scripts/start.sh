#!/bin/sh
# `npm start`: a whole mesh with the demo shop. Extra arguments go to `weft up`.
set -eu
cd "$(dirname "$0")/.."
. scripts/ensure.sh
ensure_packages
exec packages/cli/bin/weft up --demo "$@"
