# Sourced by start.sh and test.sh: installs what a fresh clone lacks, with visible progress; a second
# run finds everything in place and starts at once.
ensure_packages() {
  # npm writes its hidden lock file at the end of every install.
  if [ node_modules/.package-lock.json -nt package-lock.json ]; then return 0; fi
  echo "weft: installing npm packages (about half a minute, once)" >&2
  npm ci --no-audit --no-fund --loglevel=warn >&2 || {
    echo "weft: npm ci failed; see the lines above" >&2
    exit 1
  }
}
