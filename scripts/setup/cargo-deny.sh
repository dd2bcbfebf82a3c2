#!/usr/bin/env bash
# cargo-deny of a pinned version, built once into $PRT_CACHE/tools. An installed one that is as new is used as it is.
# (Debian has no package; the project's wheel on PyPI is from 2023 and does not know today's licence names.)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
lock cargo-deny

version=0.20.2
dir="$PRT_CACHE/tools"
mkdir -p "$dir/bin"
[ "$("$dir/bin/cargo-deny" --version 2>/dev/null)" != "cargo-deny $version" ] || exit 0
installed="$(command -v cargo-deny || true)"
if [ -n "$installed" ] && printf '%s\n' "cargo-deny $version" "$("$installed" --version)" | sort -CV; then
  ln -sf "$installed" "$dir/bin/cargo-deny"
  exit 0
fi
say "cargo-deny: cargo install $version (about 5 minutes, once)"
# Not optimized: it runs for a second, and optimizing it takes longer than all its runs.
quiet "$PRT_CACHE/logs/cargo-deny.log" env CARGO_TARGET_DIR="$dir/build" CARGO_PROFILE_DEV_DEBUG=0 \
  cargo install --locked --debug --no-default-features --root "$dir" "cargo-deny@$version"
rm -rf "$dir/build"
