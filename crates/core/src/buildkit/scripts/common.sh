nap() { sleep "$1" 2>/dev/null || sleep 1; }

# When a process began, in the kernel's ticks: with it a process id cannot be taken for a later process.
started() {
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
  set -- ${stat##*) }
  # A zombie is gone; whoever should collect it may never do so.
  [ "$1" = Z ] || echo "${20}"
}
