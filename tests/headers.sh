#!/bin/sh
# headers.sh ROOT CC [FLAGS ...]: every header compiles when it is the only one included; the public ones as strict C99
# and as C++ too, without any path but their own.
set -u
root=$1 cc=$2
shift 2
cd "$root" || exit 1
status=0

check() { # HEADER LANGUAGE FLAGS ...
  header=$1 language=$2
  shift 2
  echo "#include \"$header\"" | "$cc" -x "$language" -fsyntax-only -Wall -Wextra -Werror -Wno-unused-function "$@" - || {
    echo "$header does not compile alone ($language)"
    status=1
  }
}

cpp=yes
"$cc" -x c++ -fsyntax-only /dev/null 2>/dev/null || { cpp=no; echo "C++ not checked: $cc has no C++ compiler"; }
for header in include/*.h; do
  check "${header#include/}" c -std=c99 -pedantic -Iinclude
  [ $cpp = no ] || check "${header#include/}" c++ -std=c++11 -pedantic -Iinclude
done
# Kernels of other processors than the compiler's are left out.
case $("$cc" -dumpmachine) in
  x86_64-*) others=arm ;;
  aarch64-*) others=x86 ;;
  *) others='x86\|arm\|vec' ;;
esac

# The compile flags that cmake/isa.cmake gives a kernel file, by the end of its name. Those of *vec.h are x86's.
isa_flags() { # HEADER
  case $others$1 in x86*vec.h) return ;; esac
  suffix=$(basename "$1" .h | sed 's/.*_//')
  sed -n "s/^ *\"$suffix|\([^\"]*\)\".*/\1/p" cmake/isa.cmake
}

for header in $(find base format graph passes converter runtime cli -name '*.h' | LC_ALL=C sort |
  grep -v "^runtime/kernels/\($others\)/"); do
  # shellcheck disable=SC2046
  check "$header" c -std=c17 -D_GNU_SOURCE "$@" $(isa_flags "$header") -I. -Iinclude
done
[ $status -eq 0 ] && echo "all headers compile alone"
exit $status
