# Ends a build.   $1 folder of all builds   $2 build   $3 signal
# The mark is made first: a build that is only just being started finds it.
set -u
umask 077
mkdir -p "$1/$2" && : >"$1/$2/cancel"
[ -e "$1/$2/exit" ] && exit 0
if read -r command <"$1/$2/command"; then kill -s "$3" "$command"; fi 2>/dev/null
exit 0
