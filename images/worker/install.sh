#!/bin/sh
# Turns a plain Debian 12 or Ubuntu 24.04 into the worker image: user `ubuntu` (1000:1000, sudo), Python, JupyterLab.
# The one recipe for both ways of making the image: Dockerfile beside it, and scripts/setup/worker-image.sh offline.
set -eu
export DEBIAN_FRONTEND=noninteractive

apt-get update -q
apt-get install -y -q --no-install-recommends ca-certificates curl git procps python3 python3-venv sudo tini

id ubuntu >/dev/null 2>&1 || { groupadd -g 1000 ubuntu && useradd -u 1000 -g 1000 -m -s /bin/bash ubuntu; }
[ "$(id -u ubuntu):$(id -g ubuntu)" = 1000:1000 ] || { echo "user ubuntu must be 1000:1000" >&2; exit 1; }
echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/ubuntu
chmod 440 /etc/sudoers.d/ubuntu
# The builder shares this folder; it must belong to 1000 before a volume is mounted over it.
install -d -o 1000 -g 1000 -m 755 /home/ubuntu /home/ubuntu/build

# One environment for the notebook, `RUN pip install` in a Dockerfile, and the user: Debian's own Python refuses pip.
python3 -m venv /opt/venv
/opt/venv/bin/pip install -q --no-cache-dir "jupyterlab==${JUPYTERLAB_VERSION:-4.6.4}"
# An optional check of jsonschema's that nothing here needs; it builds a parser whenever it is imported, two thirds of a notebook's start.
/opt/venv/bin/pip uninstall -q -y rfc3987-syntax lark
/opt/venv/bin/pip check
# Maps and test suites are a fifth of it, and nobody reads them here.
find /opt/venv -name '*.map' -type f -delete
find /opt/venv/lib -type d \( -name tests -o -name test \) -path '*/site-packages/*' -prune -exec rm -rf {} +
# Another release's translations come with Babel: 30 MB of calendars.
find /opt/venv/lib -path '*/babel/locale-data/*.dat' ! -name 'root.dat' ! -name 'en*.dat' -delete
chown -R 1000:1000 /opt/venv

apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/apt /var/log/*.log "$HOME/.cache"
