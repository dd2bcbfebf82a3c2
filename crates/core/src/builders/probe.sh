# Looks at what rootless BuildKit needs, from inside a container that has the restricted builder's rights. $1 is the state volume.
# Each line: name, tab, exit code, tab, words.
tell() {
  name=$1
  shift
  words=$("$@" 2>&1)
  code=$?
  printf '%s\t%s\t%s\n' "$name" "$code" "$(printf %s "$words" | tr '\n\t' '  ' | cut -c1-300)"
}
status() { sed -n "s/^$1:[[:space:]]*//p" /proc/self/status; }
ids() { grep -e "^$(id -un):" -e "^$(id -u):" "$1"; }
fuse() { [ -c /dev/fuse ] && command -v fuse-overlayfs; }
tell buildkitd buildkitd --version
tell buildctl command -v buildctl
tell rootlesskit command -v rootlesskit
tell newuidmap command -v newuidmap
tell subuid ids /etc/subuid
tell subgid ids /etc/subgid
tell seccomp status Seccomp
tell no_new_privs status NoNewPrivs
tell max_user_namespaces cat /proc/sys/user/max_user_namespaces
tell unprivileged_userns_clone cat /proc/sys/kernel/unprivileged_userns_clone
tell apparmor_restrict cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns
tell enter rootlesskit true
tell proc rootlesskit unshare -p -f --mount-proc true
tell overlay rootlesskit sh -c 'set -e; t=$(mktemp -d "$0/prt-probe.XXXXXX"); cd "$t"; mkdir lower upper work merged
  mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged; touch merged/x' "$1"
tell fuse fuse
tell kernel uname -r
tell cgroup sh -c 'if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo v2; else echo v1; fi'
