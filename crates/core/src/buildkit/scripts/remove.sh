# Removes what a build left in the builder.   $1 folder of all builds   $2 build
rm -rf "${1:?}/${2:?}"
