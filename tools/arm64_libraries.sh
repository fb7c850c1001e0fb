#!/usr/bin/env bash
# arm64_libraries.sh [DIR]: Debian's libraries for 64-bit ARM, unpacked into DIR (default: build/arm64-libraries), to
# build against with the preset arm64. Needs no root and leaves the system's packages alone; what is there is kept.
set -euo pipefail
unset CDPATH
cd -- "$(dirname -- "$0")/.."

# as in install_packages.sh: what is linked, and the shared libraries behind it
packages='libprotobuf-c-dev libprotobuf-c1 zlib1g-dev zlib1g libxxhash-dev libxxhash0 libutf8proc-dev libutf8proc2
libpcre2-dev libpcre2-8-0 libjansson-dev libjansson4 libcmocka-dev libcmocka0 libopenblas-pthread-dev
libopenblas0-pthread liblapacke-dev libgfortran5'

dir=${1:-build/arm64-libraries}
case $dir in
  -h | --help) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
esac
if [ -d "$dir" ]; then
  echo "$dir: already there"
  exit 0
fi
mkdir -p "$(dirname "$dir")"
temporary=$(mktemp -d "$(realpath "$dir").XXXXXX")
trap 'rm -rf "$temporary"' EXIT
mkdir -p "$temporary/lists/partial" "$temporary/cache/archives/partial" "$temporary/packages" "$temporary/root"

# apt with lists of its own, for a system of which nothing is installed
arm_apt() {
  apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::Lists="$temporary/lists" \
    -o Dir::State::status=/dev/null -o Dir::Cache="$temporary/cache" -o APT::Sandbox::User= "$@"
}

{ arm_apt update && (cd "$temporary/packages" && arm_apt download $packages); } >"$temporary/log" 2>&1 || {
  cat "$temporary/log" >&2
  echo "arm64_libraries.sh: apt-get could not bring the packages for arm64" >&2
  exit 5
}
for package in "$temporary"/packages/*.deb; do dpkg-deb -x "$package" "$temporary/root"; done

# Links to the root of a system lead nowhere here.
find "$temporary/root" -type l -lname '/*' | while read -r link; do
  ln -sfn "$(realpath --relative-to="$(dirname "$link")" -m "$temporary/root$(readlink "$link")")" "$link"
done
mv "$temporary/root" "$dir"
echo "$dir: $(du -sh "$dir" | cut -f1)"
