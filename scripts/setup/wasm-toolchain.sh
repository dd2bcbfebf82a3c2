#!/usr/bin/env bash
# A Rust toolchain that builds for wasm32-unknown-unknown, for scripts/wasm-cargo. In this order: the target of the current
# toolchain; Debian's rustc-web with a standard library built once from its sources; rustup.
# Writes $PRT_CACHE/wasm-toolchain/env, which scripts/wasm-cargo reads.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
lock wasm-toolchain

target=wasm32-unknown-unknown
dir="$PRT_CACHE/wasm-toolchain"
mkdir -p "$dir"
has_std() { compgen -G "$("$1" --print target-libdir --target "$target" 2>/dev/null)/libstd-*.rlib" >/dev/null; }

if has_std rustc; then
  echo "kind=native" >"$dir/env"
  say "wasm-toolchain: $(rustc --version) has $target"
  exit 0
fi

use_debian() {
  if grep -qsx kind=debian "$dir/env" && [ -x /usr/bin/clippy-driver ] && [ -x /usr/bin/wasm-ld-19 ] &&
    [ "$(cat "$dir/sysroot/version" 2>/dev/null)" = "$(/usr/bin/rustc --version 2>/dev/null)" ]; then
    return 0
  fi
  apt-cache show --no-all-versions rustc-web >/dev/null 2>&1 || return 1
  apt_install rustc-web cargo-web rust-web-src rust-web-clippy lld-19
  local version sysroot="$dir/sysroot"
  version="$(/usr/bin/rustc --version)"
  if [ "$(cat "$sysroot/version" 2>/dev/null)" != "$version" ]; then
    say "wasm-toolchain: building the standard library of Debian's $version for $target (about a minute, once)"
    local work
    work="$(mktemp -d "$PRT_CACHE/wasm-std.XXXXXX")"
    mkdir "$work/src"
    printf '[package]\nname = "std-for-wasm"\nversion = "0.0.0"\nedition = "2021"\n[profile.release]\npanic = "abort"\n[workspace]\n' >"$work/Cargo.toml"
    : >"$work/src/lib.rs"
    (
      cd "$work"
      quiet "$PRT_CACHE/logs/wasm-std.log" env -u RUSTUP_TOOLCHAIN CARGO_TARGET_DIR="$work/target" RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-19 \
        /usr/bin/cargo build --release "-Zbuild-std=std,panic_abort" --target "$target"
    )
    rm -rf "$sysroot"
    mkdir -p "$sysroot/lib/rustlib/$target/lib"
    cp "$work/target/$target"/release/deps/*.rlib "$sysroot/lib/rustlib/$target/lib/"
    local part
    for part in etc src "$(/usr/bin/rustc -vV | sed -n 's/^host: //p')"; do
      ln -s "/usr/lib/rustlib/$part" "$sysroot/lib/rustlib/$part"
    done
    echo "$version" >"$sysroot/version"
    rm -rf "$work"
  fi
  printf '#!/bin/sh\nexec /usr/bin/rustc --sysroot "%s" "$@"\n' "$sysroot" >"$dir/rustc"
  # Clippy comes as a driver that stands in for rustc; it needs the same sysroot.
  printf '#!/bin/sh\nshift\nexec /usr/bin/clippy-driver /usr/bin/rustc "$@" --sysroot "%s"\n' "$sysroot" >"$dir/clippy"
  chmod 755 "$dir/rustc" "$dir/clippy"
  echo "kind=debian" >"$dir/env"
  say "wasm-toolchain: Debian's $version"
}

if use_debian; then
  exit 0
fi
if have rustup; then
  quiet "$PRT_CACHE/logs/wasm-rustup.log" rustup target add "$target"
  has_std rustc || die "rustup added $target to another toolchain than 'rustc' uses: check 'rustup show'"
  echo "kind=native" >"$dir/env"
  say "wasm-toolchain: $(rustc --version) has $target"
  exit 0
fi
die "no way to get $target: run 'rustup target add $target', or use Debian 12 or newer with its rustc-web package"
