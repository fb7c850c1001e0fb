#!/bin/sh
# run_all.sh RUN_NODE_TESTS DIR: all node tests of the ONNX project that tools/fetch_node_tests.sh has brought to DIR.
set -eu
program=$1 dir=$2 status=0 found=no
for tests in "$dir"/onnx-*; do
  [ -d "$tests" ] || continue
  found=yes
  echo "== $(basename "$tests")"
  "$program" "$tests" || status=1
done
if [ $found = no ]; then
  echo "skipped: the node tests are not in $dir (tools/fetch_node_tests.sh brings them)"
  exit 77
fi
exit $status
