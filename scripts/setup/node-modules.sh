#!/usr/bin/env bash
# The browser tests' packages, installed once per lock file outside the clone; end2end/node_modules becomes a link to them.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
lock node-modules
need node npm
cd "$PRT_ROOT/end2end"
[ -r package-lock.json ] || die "end2end/package-lock.json is missing: run 'npm install --package-lock-only' in end2end/"

dir="$PRT_CACHE/node/$(cat package.json package-lock.json | sha256sum | cut -c1-16)"
if [ ! -d "$dir/node_modules" ]; then
  say "node-modules: npm ci"
  rm -rf "$dir.tmp"
  mkdir -p "$dir.tmp"
  cp package.json package-lock.json "$dir.tmp"
  # The browser is Debian's chromium-headless-shell.
  quiet "$PRT_CACHE/logs/npm.log" env PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --prefix "$dir.tmp" --no-audit --no-fund
  rm -rf "$dir"
  mv "$dir.tmp" "$dir"
fi
[ -L node_modules ] || [ ! -e node_modules ] || exit 0
ln -sfn "$dir/node_modules" node_modules
