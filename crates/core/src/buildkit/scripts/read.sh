# Prints the Dockerfile as it is and a NUL after it, before a build is recorded; what follows this waits for its input.
#   $3 build folder   $4 context   $6 the Dockerfile from there, with `.dockerignore` behind it   exit codes: 3 no context, 4 outside, 5 no Dockerfile
prt_folder=$(cd -P "$3" && pwd -P) || exit 3
prt_context=$(cd -P "$4" 2>/dev/null && pwd -P) || exit 3
case $prt_context/ in "$prt_folder"/*) ;; *) exit 4 ;; esac
prt_file=$prt_context/${6#./}
prt_file=${prt_file%.dockerignore}
[ -f "$prt_file" ] && [ -r "$prt_file" ] || exit 5
# Where it leads is asked of the opened file: its path could lead elsewhere a moment later.
exec 3<"$prt_file"
case $(readlink "/proc/$$/fd/3") in "$prt_folder"/*) ;; *) exit 4 ;; esac
# A NUL of its own would look like the end. As 0xFF it is seen as what it is: not text.
head -c 524289 <&3 | tr '\000' '\377'
printf '\000'
exec 3<&-

