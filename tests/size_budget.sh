#!/bin/sh
# size_budget.sh LIMIT FILE [LIMIT FILE ...]: the stripped size of each file, in bytes, stays within its limit.
set -eu
copy=$(mktemp)
trap 'rm -f "$copy"' EXIT
status=0
while [ $# -ge 2 ]; do
  strip -o "$copy" "$2"
  bytes=$(stat -c %s "$copy")
  verdict=ok
  [ "$bytes" -le "$1" ] || { verdict="OVER THE LIMIT"; status=1; }
  echo "$(basename "$2"): $bytes of $1 bytes stripped: $verdict"
  shift 2
done
exit $status
