#!/usr/bin/env bash
# A small Debian 12 image made by debootstrap: the base of our images where Ubuntu's cannot be pulled.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
lock debian-base
need_engine

if image_exists "$DEBIAN_BASE_IMAGE"; then
  exit 0
fi
need_root "debootstrap"
need debootstrap tar apt-get

# The mirror this machine already uses, if it is Debian itself.
sources="$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
  awk '$1 == "Debian" && $3 ~ /^bookworm/ && $4 == "main" { print $2, $3 }' | sort -u)"
mirror="$(awk '$2 == "bookworm" { print $1; exit }' <<<"$sources")"

say "debian-base: debootstrap (about 80 s, once)"
root="$(mktemp -d "$PRT_CACHE/debian-base.XXXXXX")"
trap 'rm -rf "$root"' EXIT
quiet "$PRT_CACHE/logs/debian-base.log" debootstrap --variant=minbase --include=ca-certificates bookworm "$root" ${mirror:+"$mirror"}
if [ -n "$mirror" ]; then
  awk '{ print "deb", $1, $2, "main" }' <<<"$sources" >"$root/etc/apt/sources.list"
fi
cat >"$root/etc/dpkg/dpkg.cfg.d/slim" <<'CONF'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-include /usr/share/locale/locale.alias
CONF
cat >"$root/etc/apt/apt.conf.d/slim" <<'CONF'
APT::Install-Recommends "false";
Acquire::Languages "none";
CONF
# Services must not start while packages are being installed.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
find "$root/usr/share/doc" -type f ! -name copyright -delete
find "$root/usr/share/locale" -mindepth 1 -maxdepth 1 -type d -exec rm -rf {} +
rm -rf "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb \
  "$root"/var/lib/apt/lists/* "$root"/var/log/{apt,*.log} "$root"/etc/resolv.conf "$root"/etc/hostname

tar --numeric-owner --xattrs --xattrs-include='security.*' -C "$root" -c . |
  docker import -c 'CMD ["bash"]' -c 'LABEL prt.recipe=debian-base' - "$DEBIAN_BASE_IMAGE" >/dev/null
say "debian-base: $DEBIAN_BASE_IMAGE, $(($(docker image inspect -f '{{.Size}}' "$DEBIAN_BASE_IMAGE") / 1000000)) MB"
