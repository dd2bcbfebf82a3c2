#!/usr/bin/env bash
# Two registries for demo and tests (Debian's docker-registry): one with TLS and a password, one that speaks only HTTP.
# Each listens on 127.0.0.1 and, for builds inside containers, on the address of the engine's bridge, and nowhere else.
# Writes $PRT_STATE/registries.env. Ports: PRT_REGISTRY_PORT (5443), PRT_HTTP_REGISTRY_PORT (5080).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
lock registries 120
need docker-registry htpasswd openssl curl jq ss
need_root "writing /etc/hosts and /etc/docker/certs.d"
need_engine

dir="$PRT_STATE/registries"
host=registry.prt.localhost
http_host=http-registry.prt.localhost
port="${PRT_REGISTRY_PORT:-5443}"
http_port="${PRT_HTTP_REGISTRY_PORT:-5080}"
user=demo-robot
bridge="$(bridge_gateway)"
[ -n "$bridge" ] || die "the default bridge of the engine has no address on this machine: use an engine that runs here, without --bridge none"
umask 077
mkdir -p "$dir"
# A registry with nothing in it starts from a copy of the last first push: that saves compressing 400 MB again.
seed="$PRT_CACHE/registry-seed"
fresh=""
if [ ! -d "$dir/auth" ]; then
  fresh=1
  [ ! -d "$seed" ] || cp -a "$seed" "$dir/auth"
fi

# --- names ------------------------------------------------------------------------------------------------------------
# The engine takes every registry on 127.0.0.0/8 for an insecure one: right for the HTTP registry, but for the other one it
# would fall back to HTTP and answer a wrong password with "connection reset". So that one is named by the bridge's address.
host_line() {
  grep -qxF "$1 $2" /etc/hosts && return
  # Not by `sed -i`: in a container /etc/hosts is a mount and cannot be replaced.
  local others
  others="$(grep -vE "[[:space:]]${2//./\\.}([[:space:]]|\$)" /etc/hosts || true)"
  printf '%s\n%s %s\n' "$others" "$1" "$2" >/etc/hosts
}
host_line "$bridge" "$host"
host_line 127.0.0.1 "$http_host"

# --- password and certificates ----------------------------------------------------------------------------------------
[ -s "$dir/password" ] || openssl rand -hex 16 >"$dir/password"
[ -s "$dir/htpasswd" ] || htpasswd -iBn "$user" <"$dir/password" >"$dir/htpasswd"
[ -s "$dir/secret" ] || openssl rand -hex 32 >"$dir/secret"
still_good() { openssl x509 -in "$1" -noout -checkend 1209600 >/dev/null 2>&1; }
if ! still_good "$dir/ca.crt"; then
  rm -f "$dir/tls.crt"
  openssl req -x509 -newkey rsa:3072 -nodes -days 3650 -keyout "$dir/ca.key" -out "$dir/ca.crt" -subj "/CN=prt-console demo registry CA" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
  chmod 644 "$dir/ca.crt"
fi
if ! still_good "$dir/tls.crt" || ! openssl x509 -in "$dir/tls.crt" -noout -checkip "$bridge" | grep -q 'does match'; then
  openssl req -newkey rsa:3072 -nodes -keyout "$dir/tls.key" -out "$dir/tls.csr" -subj "/CN=$host" 2>/dev/null
  openssl x509 -req -in "$dir/tls.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -days 365 -out "$dir/tls.crt" -extfile <(
    printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:%s,IP:127.0.0.1,IP:%s\n' "$host" "$bridge"
  ) 2>/dev/null
  rm -f "$dir/tls.csr"
  # A running registry keeps the certificate it was started with.
  process_stop "$dir/auth-local.pid" 5
  process_stop "$dir/auth-bridge.pid" 5
fi
trusted="/etc/docker/certs.d/$host:$port"
if ! cmp -s "$dir/ca.crt" "$trusted/ca.crt"; then
  install -d -m 755 "$trusted"
  install -m 644 "$dir/ca.crt" "$trusted/ca.crt"
fi

# --- processes --------------------------------------------------------------------------------------------------------
# registry NAME WHERE ADDRESS PORT EXTRA: two processes of one name share the storage and the upload secret.
registry() {
  local name="$1" id="$1-$2" address="$3" port="$4" extra="$5" config="$dir/$1-$2.yml"
  printf '%s\n' "version: 0.1" "log: {level: info, accesslog: {disabled: false}}" \
    "storage: {filesystem: {rootdirectory: \"$dir/$name\"}, delete: {enabled: true}}" \
    "http:" "  addr: \"$address:$port\"" "  secret: \"$(cat "$dir/secret")\"" "$extra" >"$config.new"
  if process_pid "$dir/$id.pid" >/dev/null && cmp -s "$config.new" "$config"; then
    rm -f "$config.new"
    return
  fi
  process_stop "$dir/$id.pid" 5
  mv "$config.new" "$config"
  if ! port_is_free "$address" "$port"; then
    die "port $port on $address is in use by $(port_user "$port"): stop it, or set $6 to a free port"
  fi
  # stdout is the access log; tests read it.
  start_daemon "$dir/$id.pid" "$dir/$name.access.log" "$dir/$name.log" docker-registry serve "$config"
  started="$started $id"
}

started=""
if ! compgen -G "$dir/*.pid" >/dev/null; then echo "${PRT_RUN_OWNER:-manual}" >"$dir/owner"; fi
tls="  tls: {certificate: \"$dir/tls.crt\", key: \"$dir/tls.key\"}
auth: {htpasswd: {realm: prt, path: \"$dir/htpasswd\"}}"
registry auth local 127.0.0.1 "$port" "$tls" PRT_REGISTRY_PORT
registry auth bridge "$bridge" "$port" "$tls" PRT_REGISTRY_PORT
registry http local 127.0.0.1 "$http_port" "" PRT_HTTP_REGISTRY_PORT
registry http bridge "$bridge" "$http_port" "" PRT_HTTP_REGISTRY_PORT

answers() { curl -s -o /dev/null --noproxy '*' -m 2 --cacert "$dir/ca.crt" "$@"; }
for address in 127.0.0.1 "$bridge"; do
  wait_for 20 answers --resolve "$host:$port:$address" "https://$host:$port/v2/" ||
    die "the registry does not answer on $address:$port: see $dir/auth.log"
  wait_for 20 answers "http://$address:$http_port/v2/" || die "the registry does not answer on $address:$http_port: see $dir/http.log"
done

cat >"$PRT_STATE/registries.env.new" <<ENV
PRT_REGISTRY=$host:$port
PRT_REGISTRY_USER=$user
PRT_REGISTRY_PASSWORD_FILE=$dir/password
PRT_REGISTRY_CA=$dir/ca.crt
PRT_REGISTRY_ACCESS_LOG=$dir/auth.access.log
PRT_HTTP_REGISTRY=$http_host:$http_port
PRT_HTTP_REGISTRY_ACCESS_LOG=$dir/http.access.log
PRT_REGISTRY_BRIDGE_IP=$bridge
ENV
mv "$PRT_STATE/registries.env.new" "$PRT_STATE/registries.env"

# --- the worker base, for FROM ----------------------------------------------------------------------------------------
repository=practicusai/practicus-minimal
if image_exists "$WORKER_IMAGE"; then
  here="$(docker image inspect -f '{{.Id}}' "$WORKER_IMAGE")"
  there="$(printf 'user = "%s:%s"\n' "$user" "$(cat "$dir/password")" | curl -s -K - --noproxy '*' --cacert "$dir/ca.crt" \
    -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "https://$host:$port/v2/$repository/manifests/$PRT_VERSION" |
    jq -r '.config.digest? // empty')"
  if [ "$here" != "$there" ]; then
    say "registries: pushing $repository:$PRT_VERSION"
    docker tag "$WORKER_IMAGE" "$host:$port/$repository:$PRT_VERSION"
    registry_push "$host:$port/$repository:$PRT_VERSION" "$user" "$dir/password"
    docker rmi "$host:$port/$repository:$PRT_VERSION" >/dev/null
    if [ -n "$fresh" ]; then
      rm -rf "$seed.new"
      cp -a "$dir/auth" "$seed.new"
      rm -rf "$seed"
      mv "$seed.new" "$seed"
    fi
  fi
fi
say "registries: https://$host:$port (user $user, password in $dir/password) and http://$http_host:$http_port${started:+, started$started}"
