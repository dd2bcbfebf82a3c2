# Reads the progress of a build that was started before.   $1 folder of all builds   $2 build   $3 first byte, from 1
set -u
follow "$1/$2" "$3"
