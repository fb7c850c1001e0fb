#!/bin/sh
# install.sh BUILD_DIR CC: installs into a new folder, then builds and runs use_albert.c against what lies there: through
# pkg-config, shared and static, and through find_package(albert).
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
build=$1 cc=$2
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
prefix="$temporary/a prefix"

cmake --install "$build" --prefix "$prefix" >"$temporary/install.log"
cd "$prefix"
for file in bin/albert-convert bin/albert-run include/albert.h include/albert_status.h include/albert_status.def \
  share/man/man1/albert-convert.1 share/man/man1/albert-run.1 share/bash-completion/completions/albert-convert \
  share/bash-completion/completions/albert-run share/doc/albert-convert/examples/train_fold.py; do
  [ -f "$file" ] || { echo "not installed: $file"; exit 1; }
done
bin/albert-convert --version
bin/albert-run --version
lib=$(dirname "$(find "$prefix" -name libalbert.a)")

if command -v pkg-config >/dev/null; then
  # The prefix has a space: pkg-config escapes it, and eval reads the escapes.
  flags() { PKG_CONFIG_PATH=$lib/pkgconfig pkg-config "$@" albert; }
  eval "$cc -std=c11 -Wall -Werror \"$here/use_albert.c\" -o \"$temporary/shared\" $(flags --cflags --libs)"
  LD_LIBRARY_PATH=$lib "$temporary/shared"
  eval "$cc -std=c11 -Wall -Werror \"$here/use_albert.c\" -o \"$temporary/static\" -static $(flags --static --cflags --libs)"
  "$temporary/static"
else
  echo "pkg-config is not there: not tested through it"
fi

cmake -S "$here" -B "$temporary/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" >"$temporary/configure.log" ||
  { cat "$temporary/configure.log"; exit 1; }
cmake --build "$temporary/build" >"$temporary/build.log" || { cat "$temporary/build.log"; exit 1; }
"$temporary/build/use_shared"
"$temporary/build/use_static"
echo "installed and used"
