#!/bin/sh
# Builds h2spec, the HTTP/2 conformance suite, and h2specd, its part for clients, into .cache/h2spec
# from their Go module; the libraries they were written against are pinned, because later ones
# refuse to send what they must send. `--name` only says that they are missing.
set -u
cd "$(dirname "$0")/.."
cache=$PWD/.cache
say() { echo "setup:test: $*" >&2; }

[ -x "$cache/h2spec/h2spec" ] && [ -x "$cache/h2spec/h2specd" ] && exit 0
if [ "${1:-install}" = --name ]; then
  say "missing: h2spec and h2specd (npm run setup:test builds them from their Go module)"
  exit 0
fi
if ! command -v go >/dev/null 2>&1; then
  say "h2spec and h2specd need Go"
  exit 1
fi
say "building h2spec and h2specd into .cache/h2spec"
mkdir -p "$cache/h2spec/build"
cat >"$cache/h2spec/build/go.mod" <<END
module h2spec.build

go 1.18

require (
	github.com/fatih/color v0.0.0-20161025120501-bf82308e8c85
	github.com/mattn/go-colorable v0.1.0
	github.com/mattn/go-isatty v0.0.4
	github.com/spf13/cobra v0.0.0-20170118185516-dc208f4211e7
	github.com/spf13/pflag v1.0.3
	github.com/summerwind/h2spec v2.2.1+incompatible
	golang.org/x/net v0.0.0-20161104230106-55a3084c9119
	golang.org/x/sys v0.0.0-20190209173611-3b5209105503
)
END
cd "$cache/h2spec/build" &&
  go build -mod=mod -o .. github.com/summerwind/h2spec/cmd/h2spec \
    github.com/summerwind/h2spec/cmd/h2specd >"$cache/h2spec.log" 2>&1 || {
  say "h2spec could not be built; see $cache/h2spec.log"
  exit 1
}
