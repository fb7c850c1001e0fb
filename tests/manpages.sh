#!/bin/sh
# manpages.sh BUILD_DIR: the options in each program's help are those in its manual page, and all exit codes are there.
set -eu
status=0
options() {
  grep -oE -- '--[a-z][a-z-]*' | LC_ALL=C sort -u
}
for program in albert-convert albert-run; do
  page=docs/$program.1
  sed 's/\\-/-/g' "$page" | options >"$1/$program.man-options"
  "$1/$program" --help | options >"$1/$program.help-options"
  if ! diff "$1/$program.help-options" "$1/$program.man-options"; then
    echo "$program: < only in --help, > only in $page"
    status=1
  fi
done
for code in 0 1 2 3 4 5 6; do
  grep -qx "\.B $code" docs/albert-convert.1 || { echo "docs/albert-convert.1: exit code $code is not there"; status=1; }
done
[ $status -eq 0 ] && echo "manual pages agree with the help"
exit $status
