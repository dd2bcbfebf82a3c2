#!/usr/bin/env bash
# Builds the console, prtcli and the site folder:  scripts/build.sh [debug|release]
#   $CARGO_TARGET_DIR/<profile>/{prt-console,prtcli}  and  $CARGO_TARGET_DIR/site-<profile>
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$PRT_ROOT"

profile="${1:-debug}"
case "$profile" in
  debug) server=() wasm_profile=wasm-dev front=() ;;
  release)
    server=(--release) wasm_profile=wasm-release
    front=(--release --wasm-opt "$WASM_OPT_DIR/node_modules/.bin/wasm-opt")
    ;;
  *) die "scripts/build.sh $profile: the profile is debug or release" ;;
esac
"$PRT_ROOT/scripts/setup/wasm-toolchain.sh"
[ "$profile" = debug ] || "$PRT_ROOT/scripts/setup/wasm-opt.sh"

# Without a dynamic linker, so that it runs in every image; in a folder of its own, because other flags mean other dependencies.
say "build: agent"
RUSTFLAGS="-C target-feature=+crt-static" cargo build --profile agent -p prt-agent --target "$(uname -m)-unknown-linux-gnu" --target-dir "$CARGO_TARGET_DIR/agent"
install -D "$CARGO_TARGET_DIR/agent/$(uname -m)-unknown-linux-gnu/agent/prt-agent" "$PRT_AGENT"
# One call for all other binaries: features are unified once, and nothing is compiled twice for another set of them.
say "build: console, prtcli ($profile)"
cargo build "${server[@]}" --workspace --exclude prt-agent --bins --features prt-console/ssr
say "build: wasm ($wasm_profile)"
"$PRT_ROOT/scripts/wasm-cargo" build --profile "$wasm_profile" -p prt-console --lib --no-default-features --features hydrate --target wasm32-unknown-unknown

site="$CARGO_TARGET_DIR/site-$profile"
file="$CARGO_TARGET_DIR/front/wasm32-unknown-unknown/$wasm_profile/prt_console.wasm"
tool="$CARGO_TARGET_DIR/$profile/prt-front"
stamp="$(stamp_of "$file" "$tool" style public)-$BINARYEN_VERSION"
if [ "$(cat "$site.stamp" 2>/dev/null)" != "$stamp" ] || [ ! -d "$site" ]; then
  say "build: site"
  rm -f "$site.stamp"
  "$tool" --wasm "$file" --style style/main.css --public public --out "$site" "${front[@]}"
  echo "$stamp" >"$site.stamp"
fi
packed="$site/pkg/prt-console_bg.wasm.br"
[ ! -f "$packed" ] || say "build: wasm $(($(stat -c %s "${packed%.br}") / 1000)) kB, $(($(stat -c %s "$packed") / 1000)) kB compressed"
say "build: $CARGO_TARGET_DIR/$profile/prt-console, site in $site"
