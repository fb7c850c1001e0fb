#!/usr/bin/env bash
# fetch_node_tests.sh [DIR]: the ONNX project's node tests, out of its PyPI wheels, into DIR/onnx-VERSION (default:
# ./models/onnx-node-tests). Needs python3 with pip, nothing else. About 30 MB are downloaded; what is there is kept.
set -euo pipefail

# version  sha256 of the wheel (any machine can unpack it); 1.19.1 has Attention, whose tests were wrong before
wheels='
1.16.2     7b98aa9733bd4b781eb931d33b4078ff2837e7d68062460726d6dd011f332bd4
1.19.1     1839af08ab4a909e4af936b8149c27f8c64b96138981024e251906e0539d8bf9
'

fail() {
  echo "fetch_node_tests.sh: $*" >&2
  exit 5
}

dir=${1:-models/onnx-node-tests}
case $dir in
  -h | --help) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
  -*) fail "$dir: unknown option (see --help)" ;;
esac
python3 -m pip --version >/dev/null 2>&1 || fail "python3 with pip is needed (Debian: apt-get install python3-pip)"
mkdir -p "$dir" || fail "$dir: cannot make this folder"
temporary=$(mktemp -d "$dir/.fetch.XXXXXX") || fail "$dir: cannot write there"
trap 'rm -rf "$temporary"' EXIT

while read -r version sha256; do
  [ -n "$version" ] || continue
  if [ -d "$dir/onnx-$version" ]; then
    echo "onnx-$version: already there"
    continue
  fi
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --python-version 3.11 \
    --platform manylinux2014_x86_64 --dest "$temporary" "onnx==$version" 2>"$temporary/log" ||
    fail "onnx $version could not be downloaded: $(grep -v '^WARNING' "$temporary/log" | tail -n 1)"
  wheel=$(echo "$temporary/onnx-$version"-*.whl)
  echo "$sha256  $wheel" | sha256sum --check --status || fail "$(basename "$wheel") does not have sha256 $sha256"
  python3 -m zipfile -e "$wheel" "$temporary/$version"
  mv "$temporary/$version/onnx/backend/test/data/node" "$dir/onnx-$version"
  echo "onnx-$version: $(find "$dir/onnx-$version" -mindepth 1 -maxdepth 1 | wc -l) tests"
done <<<"$wheels"
