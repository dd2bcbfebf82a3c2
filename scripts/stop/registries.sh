#!/usr/bin/env bash
# Stops the registries of $PRT_STATE and takes their CA out of the engine's trust. Images and passwords stay.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

dir="$PRT_STATE/registries"
for file in "$dir"/*.pid; do
  [ -e "$file" ] || exit 0
  process_stop "$file" 5
done
if [ -r "$PRT_STATE/registries.env" ]; then
  trusted="/etc/docker/certs.d/$(sed -n 's/^PRT_REGISTRY=//p' "$PRT_STATE/registries.env")"
  ! cmp -s "$dir/ca.crt" "$trusted/ca.crt" || rm -rf "$trusted"
fi
rm -f "$dir/owner"
say "registries: stopped"
