#!/bin/sh
# Puts the two kubectl that tests use into .cache: a current one, built over the Go module proxy where
# none of 1.30 or later is on PATH, and Debian's 1.20 for what older clients need. `--name` only names
# what is missing.
set -u
cd "$(dirname "$0")/.."
cache=$PWD/.cache
version=0.34.1
mode=${1:-install}
failed=0

say() { echo "setup:test: $*" >&2; }

is_current() {
  minor=$("$1" version --client 2>/dev/null | sed -n 's/^Client Version: v1\.\([0-9]*\).*/\1/p')
  [ -n "$minor" ] && [ "$minor" -ge 30 ]
}

if ! is_current kubectl && [ ! -x "$cache/kubectl/kubectl" ]; then
  if [ "$mode" = --name ]; then
    say "missing: kubectl 1.30 or later (npm run setup:test builds one with Go into .cache/kubectl)"
  elif ! command -v go >/dev/null 2>&1; then
    say "kubectl cannot be built: there is no Go"
    failed=1
  else
    say "building kubectl 1.${version#0.} into .cache/kubectl (a few minutes)"
    mkdir -p "$cache/kubectl"
    cat >"$cache/kubectl/main.go" <<'GO'
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
)

func main() { os.Exit(cli.Run(cmd.NewDefaultKubectlCommand())) }
GO
    (
      cd "$cache/kubectl" || exit 1
      [ -e go.mod ] || go mod init kubectl
      go get "k8s.io/kubectl@v$version" "k8s.io/component-base@v$version" && go mod tidy &&
        go build -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v1.${version#0.}" \
          -o kubectl.part . && mv kubectl.part kubectl
    ) >"$cache/kubectl.log" 2>&1 || {
      say "kubectl could not be built; see $cache/kubectl.log"
      failed=1
    }
  fi
fi

if [ ! -x "$cache/kubectl-old/usr/bin/kubectl" ]; then
  if [ "$mode" = --name ]; then
    say "missing: kubectl 1.20 (npm run setup:test unpacks Debian's kubernetes-client)"
  elif ! command -v apt-get >/dev/null 2>&1; then
    say "kubectl 1.20 cannot be had: there is no apt-get"
    failed=1
  else
    say "unpacking Debian's kubernetes-client into .cache/kubectl-old"
    mkdir -p "$cache/kubectl-old"
    (
      cd "$cache/kubectl-old" || exit 1
      apt-get download kubernetes-client && dpkg -x kubernetes-client_*.deb . && rm -f ./*.deb
    ) >"$cache/kubectl-old.log" 2>&1 || {
      say "kubernetes-client could not be unpacked; see $cache/kubectl-old.log"
      failed=1
    }
  fi
fi
exit $failed
