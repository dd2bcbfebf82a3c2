#!/usr/bin/env bash
# The worker image practicus-minimal: on Ubuntu 24.04 where it can be pulled, else on Debian 12.
# prt-start with Jupyter's settings, a built prtcli (argument, or in $CARGO_TARGET_DIR) and the Python SDK go on top as a layer of their own,
# which is cheap to make again.
#   scripts/setup/worker-image.sh [PRTCLI]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
source "$PRT_ROOT/scripts/setup/image-recipe.sh"
lock worker-image
need_engine
need jq curl

base_tag="prt-local/worker-base:$PRT_VERSION"
base_stamp="$(stamp_of "$PRT_ROOT/images/worker/install.sh")"
if [ "$(image_label "$base_tag" prt.base-stamp)" != "$base_stamp" ]; then
  if can_pull ubuntu:24.04; then
    base=ubuntu:24.04
    image_exists "$base" || image_pull "$base" || die "docker pull $base failed: try again, or set PRT_OFFLINE=1 to build on Debian packages"
  else
    base="$DEBIAN_BASE_IMAGE"
    "$PRT_ROOT/scripts/setup/debian-base.sh"
  fi
  say "worker-image: installing Python and JupyterLab on $base (about 90 s, once)"
  recipe_begin "$base"
  quiet "$PRT_CACHE/logs/worker-image.log" recipe_run "$PRT_ROOT/images/worker/install.sh"
  recipe_commit "$base_tag" "LABEL prt.base-stamp=$base_stamp" "ENV LANG=C.UTF-8" "ENV SHELL=/bin/bash" \
    "ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
    "USER ubuntu" "WORKDIR /home/ubuntu" "EXPOSE 8888" 'CMD ["tini", "--", "prt-start"]'
  recipe_drop
  RECIPE=""
fi

cli="${1:-}"
[ -z "$cli" ] || [ -x "$cli" ] || die "$cli is not an executable file: build it with 'cargo build -p prt-cli'"
for candidate in "$CARGO_TARGET_DIR/release/prtcli" "$CARGO_TARGET_DIR/debug/prtcli"; do
  [ -n "$cli" ] || { [ -x "$candidate" ] && cli="$candidate"; } || true
done
wheel="$("$PRT_ROOT/scripts/sdk.sh" build)"
stamp="$base_stamp-$(cat "$PRT_ROOT/images/worker"/{prt-start,jupyter_server_config.py} "$wheel" ${cli:+"$cli"} | sha256sum | cut -c1-16)"
if [ "$(image_label "$WORKER_IMAGE" prt.stamp)" = "$stamp" ]; then
  say "worker-image: $WORKER_IMAGE is there"
  exit 0
fi
work="$(mktemp -d)"
trap 'recipe_drop; rm -rf "$work"' EXIT
install -D -m 755 "$PRT_ROOT/images/worker/prt-start" "$work/bin/prt-start"
install -D -m 644 "$PRT_ROOT/images/worker/jupyter_server_config.py" "$work/etc/jupyter/jupyter_server_config.py"
if [ -n "$cli" ]; then
  install -m 755 "$cli" "$work/bin/prtcli"
  ! have strip || strip "$work/bin/prtcli"
fi
recipe_begin "$base_tag"
trap 'recipe_drop; rm -rf "$work"' EXIT
# A tar with its own owner and mode: `docker cp` of a file would keep those of the clone.
(cd "$work" && tar --owner=0 --group=0 --mtime=@0 -c -- *) | docker cp - "$RECIPE:/usr/local/"
# What the SDK needs came with JupyterLab. As the user, whose environment it is.
# shellcheck disable=SC2094
docker exec -i "$RECIPE" sh -c 'cat >"/mnt/$1"' sh "$(basename "$wheel")" <"$wheel"
docker exec --user 1000:1000 -e HOME=/home/ubuntu "$RECIPE" /opt/venv/bin/pip install -q --no-index --no-deps --no-cache-dir \
  --disable-pip-version-check "/mnt/$(basename "$wheel")"
docker exec --user 1000:1000 "$RECIPE" /opt/venv/bin/python -c 'import practicuscore' || die "the SDK does not run in the worker image"
old="$(docker image inspect -f '{{.Id}}' "$WORKER_IMAGE" 2>/dev/null || true)"
# The container was another user's and another command's: see recipe_begin.
recipe_commit "$WORKER_IMAGE" "LABEL prt.stamp=$stamp" "USER ubuntu" 'CMD ["tini", "--", "prt-start"]'
# Only if nothing runs on it.
[ -z "$old" ] || docker rmi "$old" >/dev/null 2>&1 || true
say "worker-image: $WORKER_IMAGE, $(image_megabytes "$WORKER_IMAGE")${cli:+, with prtcli} and the Python SDK"
