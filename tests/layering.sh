#!/bin/sh
# layering.sh ROOT: every #include goes to a folder that its own folder may see, and
# source files that go into libalbert.a have different names.
set -eu
cd "$1"

# folder: the folders whose headers it may include, besides itself. include/ holds public headers only.
law='
include    include
base       include
format     include base
graph      include base format
passes     include base format graph
tune       include base format graph passes
converter  include base format graph passes tune
runtime    include base format
cli        include base format graph passes tune converter runtime
'

folders=$(echo "$law" | awk 'NF { print $1 }')
bad=$(
  for folder in $folders; do
    allowed=$(echo "$law" | awk -v f="$folder" '$1 == f { $1 = ""; print }')
    find "$folder" -name '*.[ch]' -o -name '*.def' | LC_ALL=C sort | while read -r file; do
      sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file" | while read -r header; do
        case $header in
          */*) to=${header%%/*} ;;
          *.pb-c.h) to=format ;;
          *) to=include ;;
        esac
        case " $folder $allowed " in
          *" $to "*) ;;
          *) echo "$file includes \"$header\": $folder may see only: $folder$allowed" ;;
        esac
        case $to/$header in
          include/albert*.h | include/albert*.def | format/*.pb-c.h) ;;
          */*/*) [ -f "$header" ] || echo "$file includes \"$header\": no such file from the root" ;;
          *) echo "$file includes \"$header\": write it from the root, as \"folder/file.h\"" ;;
        esac
      done
    done
  done
  find base format runtime -name '*.c' | sed 's|.*/||' | LC_ALL=C sort | uniq -d |
    sed 's/$/: two files of libalbert have this name/'
)
if [ -n "$bad" ]; then
  echo "$bad"
  exit 1
fi
echo "layering holds"
