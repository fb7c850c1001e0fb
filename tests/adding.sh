#!/bin/sh
# adding.sh ROOT: every table (*.def) is named in docs/adding.md, and every file that it names is there.
set -eu
cd "$1"
status=0
for table in $(find base format graph passes converter runtime cli include -name '*.def' | LC_ALL=C sort); do
  grep -qF "$table" docs/adding.md || { echo "$table is not in docs/adding.md"; status=1; }
done
for file in $(grep -oE '`[a-z_0-9/.]+\.(def|c|h|md|py|sh|cmake|proto)`' docs/adding.md | tr -d '`' | grep / | sort -u); do
  [ -f "$file" ] || { echo "docs/adding.md names $file, which is not there"; status=1; }
done
[ $status -eq 0 ] && echo "docs/adding.md names every table"
exit $status
