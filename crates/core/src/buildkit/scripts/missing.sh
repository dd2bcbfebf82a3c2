# What of the arguments the builder does not have: files and, with a slash at their end, folders,
# both from the root, and names of hosts.

# 2 is getent's answer where it found no address. No answer in time, or no getent, says nothing.
unknown() {
  timeout 5 getent hosts "$1" >/dev/null 2>&1
  [ $? -eq 2 ]
}

for name; do
  case "$name" in
    /*) [ -r "$name" ] || printf '%s\0' "$name" ;;
    *) unknown "$name" && printf '%s\0' "$name" & ;;
  esac
done
wait
