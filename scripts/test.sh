#!/bin/sh
# `npm test`: sets up what is missing, then runs every test. Arguments narrow it: file patterns for node:test.
set -eu
cd "$(dirname "$0")/.."
. scripts/ensure.sh
ensure_packages
node scripts/prepare.mjs
if [ "$(id -u)" = 0 ] || [ "${WEFT_SETUP:-}" = 1 ]; then
  sh scripts/setup-test.sh ||
    echo "weft: some parts could not be installed; their tests are skipped, or fail where required" >&2
else
  sh scripts/setup-test.sh --name
fi
exec node_modules/.bin/node scripts/run-tests.mjs "$@"
