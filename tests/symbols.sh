#!/bin/sh
# symbols.sh LIBRARY ...: every global symbol that a library of the project defines starts with alb_, and none is defined
# twice; what the shared library exports is what the public headers mark.
set -eu
status=0
for library in "$@"; do
  case $library in
    *.a) defined=$(nm -g --defined-only "$library" 2>/dev/null | awk 'NF == 3 && $2 != "w" && $2 != "V" { print $3 }') ;;
    *) defined=$(nm -D --defined-only "$library" | awk '{ print $3 }') ;;
  esac
  count=$(echo "$defined" | grep -c . || true)
  others=$(echo "$defined" | grep -v '^alb_\|^$' | sort -u || true)
  twice=$(echo "$defined" | sort | uniq -d)
  if [ -n "$twice" ]; then
    echo "$library: defined twice: $(echo "$twice" | xargs)"
    status=1
  fi
  if [ "$count" -eq 0 ] || [ -n "$others" ]; then
    echo "$library: $count symbols, without alb_: $(echo "$others" | xargs)"
    status=1
  else
    echo "$library: $count symbols, all alb_"
  fi
done
exit $status
