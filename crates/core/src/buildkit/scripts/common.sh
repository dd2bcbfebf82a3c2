nap() { sleep "$1" 2>/dev/null || sleep 1; }

# forget FOLDER...: removes logins. Their folder cannot be listed, not even for that.
forget() {
  for each; do
    [ -d "$each" ] || continue
    chmod 700 "$each" 2>/dev/null
    rm -rf "$each"
  done
}

# When a process began, in the kernel's ticks: with it a process id cannot be taken for a later process.
started() {
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
  set -- ${stat##*) }
  # A zombie is gone; whoever should collect it may never do so.
  [ "$1" = Z ] || echo "${20}"
}

# Prints what a build has printed from byte $2 on, and goes on until the build has ended. Then, on standard error, how it ended.
follow() {
  spool=$1 from=$2
  read -r runner since 2>/dev/null <"$spool/runner" || exit 92
  running() { ! [ -e "$spool/exit" ] && [ "$(started "$runner")" = "$since" ]; }
  while running && ! [ -s "$spool/command" ]; do nap 0.005; done
  if running && read -r command <"$spool/command"; then
    if tail --help 2>&1 | grep -q -e --pid; then
      tail -c "+$from" -s 0.01 --pid="$command" -f "$spool/progress" 2>/dev/null
    else
      # busybox: its tail cannot wait for a process, and looks only once a second.
      exec 3<"$spool/progress"
      tail -c "+$from" <&3
      while running; do
        cat <&3
        nap 0.05
      done
      cat <&3
      exec 3<&-
    fi
    while running; do nap 0.005; done
  else
    tail -c "+$from" "$spool/progress"
  fi
  if read -r code 2>/dev/null <"$spool/exit"; then
    [ -s "$spool/metadata" ] && echo "metadata $(tr -d '\n' <"$spool/metadata")" >&2
    echo "exit $code" >&2
  else
    echo "lost" >&2
  fi
}

