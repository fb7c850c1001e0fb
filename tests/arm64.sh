#!/usr/bin/env bash
# arm64.sh ARM_BUILD BUILD: what is built for 64-bit ARM, under qemu: every kernel against its reference on processors
# with and without the dot product, and the example model from end to end beside the native build's results.
set -uo pipefail
arm=$1 native=$2
passed=0 failed=0
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
text='OB(O)c1ccccc1.Brc1ccncc1>>c1ccc(-c2ccncc2)cc[MASK]'

# processor that qemu plays: the newest instruction set it must come to
cpus='
cortex-a53   neon
neoverse-n1  dotprod
'

on() { # CPU PROGRAM ARGUMENTS ...
  local cpu=$1 program=$2
  shift 2
  qemu-aarch64 -cpu "$cpu" -L /usr/aarch64-linux-gnu "$arm/$program" "$@"
}

check() { # WHAT COMMAND ...
  local what=$1
  shift
  if "$@" >"$out/log" 2>&1; then
    passed=$((passed + 1)) && echo "ok   $what"
  else
    failed=$((failed + 1)) && echo "FAIL $what" && cat "$out/log"
  fi
}

kernels() { # CPU ISA
  on "$1" tests/checkkern >"$out/kernels"
  local status=$?
  cat "$out/kernels"
  [ $status -eq 0 ] && grep -q "^ok .* $2 " "$out/kernels"
}

same_bytes() { # DTYPE
  on max albert-convert -q examples/albert-reactions -o "$out/$1.alb" --dtype "$1" &&
    "$native/albert-convert" -q examples/albert-reactions -o "$out/native.alb" --dtype "$1" --force &&
    cmp "$out/$1.alb" "$out/native.alb"
}

# The token that is right by far has the same rank and nearly the same score everywhere.
best_token() {
  sed -n 's/^\[{"score":\(0\.99999\)[0-9]*,"token":\([0-9]*\),.*/\1 \2/p'
}

same_answer() { # CPU DTYPE
  on "$1" albert-run fill-mask "$out/$2.alb" "$text" --json | best_token >"$out/answer"
  "$native/albert-run" fill-mask "$out/$2.alb" "$text" --json | best_token >"$out/native_answer"
  [ -s "$out/native_answer" ] && cmp "$out/answer" "$out/native_answer"
}

for dtype in f32 int8; do check "$dtype: the same file as the native build's" same_bytes $dtype; done
while read -r cpu isa; do
  [ -n "$cpu" ] || continue
  check "$cpu: kernels up to $isa" kernels "$cpu" "$isa"
  for dtype in f32 int8; do
    check "$cpu, $dtype: golden outputs" on "$cpu" albert-convert validate "$out/$dtype.alb"
    check "$cpu, $dtype: the native build's answer" same_answer "$cpu" $dtype
  done
done <<<"$cpus"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
