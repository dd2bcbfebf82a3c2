# shellcheck shell=bash
# Makes an image by running a recipe script in a container and committing it. Sourced by worker-image.sh and builder-image.sh.
# `docker build` is not used: what this machine needs for its package clients (proxy, private CA) must not stay in the image.

RECIPE=""
recipe_drop() { [ -z "$RECIPE" ] || docker rm -f "$RECIPE" >/dev/null 2>&1 || true; }

# recipe_begin BASE: a container to install into; the host's network, so that its name service and routes hold.
recipe_begin() {
  # /mnt is in memory: nothing of it reaches the image.
  RECIPE="$(docker run -d --network host --label prt.recipe=1 --tmpfs /mnt --user 0 "$1" sleep infinity)"
  trap recipe_drop EXIT
  local bundle
  for bundle in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
    if [ -n "$bundle" ] && [ -r "$bundle" ]; then
      docker exec -i "$RECIPE" sh -c 'cat >/mnt/host-ca.pem' <"$bundle"
      break
    fi
  done
  { apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https)::Proxy' || true
    echo 'Acquire::https::CAInfo "/mnt/host-ca.pem";'; } | docker exec -i "$RECIPE" sh -c 'cat >/mnt/host-apt.conf'
}

# recipe_run SCRIPT [NAME=VALUE...]: the script's text on stdin, the host's package client settings in its environment only.
recipe_run() {
  local script="$1" name index args=(-e APT_CONFIG=/mnt/host-apt.conf -e PIP_CERT=/mnt/host-ca.pem -e PIP_DISABLE_PIP_VERSION_CHECK=1)
  shift
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST; do
    if [ -n "${!name:-}" ]; then args+=(-e "$name"); fi
  done
  if [ -z "${PIP_INDEX_URL:-}" ] && index="$(python3 -m pip config get global.index-url 2>/dev/null)"; then
    export PIP_INDEX_URL="$index"
    args+=(-e PIP_INDEX_URL)
  fi
  for name in "$@"; do args+=(-e "$name"); done
  docker exec -i "${args[@]}" "$RECIPE" sh <"$script"
}

# recipe_copy FILE PATH MODE: as root's file. (`docker cp` would keep the owner of the clone.)
recipe_copy() { docker exec -i "$RECIPE" sh -c 'cat >"$1" && chmod "$2" "$1"' sh "$2" "$3" <"$1"; }

# recipe_commit TAG CHANGE...: each change is one Dockerfile instruction.
recipe_commit() {
  local tag="$1" change args=()
  shift
  for change in "$@"; do args+=(-c "$change"); done
  docker commit "${args[@]}" "$RECIPE" "$tag" >/dev/null
}

image_megabytes() { echo "$(($(docker image inspect -f '{{.Size}}' "$1") / 1000000)) MB"; }
