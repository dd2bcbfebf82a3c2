#!/bin/sh
# What buildkitd needs around it, on Debian 12. Used by scripts/setup/builder-image.sh where moby/buildkit cannot be pulled.
set -eu
export DEBIAN_FRONTEND=noninteractive

apt-get update -q
apt-get install -y -q --no-install-recommends ca-certificates fuse-overlayfs git libcap2-bin procps rootlesskit runc uidmap

# setuid root gets EPERM when the container's capabilities are only SETUID and SETGID; file capabilities do not.
chmod u-s /usr/bin/newuidmap /usr/bin/newgidmap
setcap cap_setuid+ep /usr/bin/newuidmap
setcap cap_setgid+ep /usr/bin/newgidmap
apt-get purge -y -q --auto-remove libcap2-bin

# The same names, ids and paths as moby/buildkit:rootless, so that one start command fits both.
groupadd -g 1000 user
useradd -u 1000 -g 1000 -m -s /bin/sh user
echo user:100000:65536 >/etc/subuid
echo user:100000:65536 >/etc/subgid
install -d -o 1000 -g 1000 -m 700 /run/user /run/user/1000
install -d -o 1000 -g 1000 /home/user/.config /home/user/.config/buildkit /home/user/.local /home/user/.local/tmp \
  /home/user/.local/share /home/user/.local/share/buildkit /build
install -d /etc/buildkit

apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/apt /var/log/*.log
