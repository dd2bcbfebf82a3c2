#!/usr/bin/env bash
# wasm-opt from the npm package binaryen, once, outside the clone. Debian 12's (version 108) exports the wrong table of a module
# that has two, and the pages' program does not start.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
lock wasm-opt
need node npm

dir="$WASM_OPT_DIR"
[ ! -x "$dir/node_modules/.bin/wasm-opt" ] || exit 0
say "wasm-opt: npm install binaryen@$BINARYEN_VERSION"
rm -rf "$dir" "$dir.tmp"
mkdir -p "$dir.tmp"
quiet "$PRT_CACHE/logs/wasm-opt.log" npm install --prefix "$dir.tmp" --ignore-scripts --no-audit --no-fund "binaryen@$BINARYEN_VERSION"
mv "$dir.tmp" "$dir"
