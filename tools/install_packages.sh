#!/usr/bin/env bash
# install_packages.sh [WHAT ...]: installs the Debian packages that are missing; WHAT is build (default), checks or arm.
# Changes nothing, and asks for no network, when all are there. Needs root or sudo only when something is missing.
set -euo pipefail

# package               for     reason
packages='
gcc                     build   C17 compiler
libc6-dev               build   C library headers
make                    build   what CMake drives
cmake                   build   builds, presets, install; 3.25 or newer
protobuf-c-compiler     build   makes C of format/alb.proto
libprotobuf-c-dev       build   the manifest inside .alb files
zlib1g-dev              build   compressed blobs; zip archives of PyTorch
libxxhash-dev           build   content hashes and checksums
libutf8proc-dev         build   Unicode normalization in tokenizers
libpcre2-dev            build   regular expressions in tokenizers
libjansson-dev          build   config.json, tokenizer.json and safetensors headers
libopenblas-pthread-dev build   matrix products and decompositions when layers are tuned
liblapacke-dev          build   the same, in C
libcmocka-dev           build   unit tests
pkg-config              build   test of the installed library
python3                 build   end-to-end and command-line tests
git                     checks  list of the files to check
clang                   checks  second compiler
clang-format            checks  layout of the source
gcovr                   checks  line coverage
chromium                checks  looks at pages of --report
python3-pip             checks  brings the real test models
python3-venv            checks  onnx and onnxruntime, to check ONNX files with; torch, to train folds with
gcc-aarch64-linux-gnu   arm     compiler for 64-bit ARM; libraries: tools/arm64_libraries.sh
libc6-dev-arm64-cross   arm     its C library
qemu-user               arm     runs its programs
'

wanted() { # WHAT ...
  echo "$packages" | awk -v what=" $* " 'NF && index(what, " " $2 " ") { print $1 }'
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
}

[ $# -gt 0 ] || set -- build
for what in "$@"; do
  case $what in
    build | checks | arm) ;;
    *) echo "install_packages.sh: $what: unknown (build, checks or arm)" >&2; exit 2 ;;
  esac
done
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install_packages.sh: not a Debian or Ubuntu system; install what corresponds to: $(wanted "$@" | xargs)" >&2
  exit 0
fi

missing=()
for package in $(wanted "$@"); do
  is_installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -eq 0 ]; then how="as root"; else how="with sudo"; fi
if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
  echo "install_packages.sh: neither root nor sudo; as root run: apt-get install ${missing[*]}" >&2
  exit 5
fi
echo "Installing $how: ${missing[*]}" >&2
# The package lists are brought up to date only when they do not serve.
apt_install "${missing[@]}" || { as_root apt-get update -q >&2 && apt_install "${missing[@]}"; } || {
  echo "install_packages.sh: apt-get could not install: ${missing[*]}" >&2
  exit 5
}
