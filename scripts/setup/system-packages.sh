#!/usr/bin/env bash
# Debian packages that the other scripts call. Only what is missing; a tool installed by other means counts as there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
lock system-packages

missing=()
# wants COMMAND PACKAGE
wants() { have "$1" || missing+=("$2"); }
wants docker docker.io
wants dockerd docker.io
wants debootstrap debootstrap
wants docker-registry docker-registry
wants htpasswd apache2-utils
wants busybox busybox-static
wants chromium-headless-shell chromium-headless-shell
wants jq jq
wants brotli brotli
wants curl curl
wants openssl openssl
wants ip iproute2
wants ss iproute2
wants git git
wants make make
wants cc build-essential
wants pkg-config pkg-config
wants python3 python3
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
wants shellcheck shellcheck
wants node nodejs
wants npm npm
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)

if [ "${#missing[@]}" -gt 0 ]; then
  # Debian's package starts a cluster of its own on port 5432, which nobody here uses.
  if [[ " ${missing[*]} " == *" postgresql "* ]] && [ "$(id -u)" = 0 ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  apt_install "${missing[@]}"
fi
have cargo || die "cargo is missing: install Rust 1.95 or newer from https://rustup.rs"
