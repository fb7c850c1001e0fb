#!/bin/sh
# empty_container.sh BUILD_DIR: albert-run starts and gives the same answer where there is nothing but it and a model: no
# libraries, no /proc, no /dev, no locale.
set -eu
build=$1
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
if chroot / true 2>/dev/null; then
  enter() { chroot "$room" "$@"; }
elif unshare --user --map-root-user chroot / true 2>/dev/null; then
  enter() { unshare --user --map-root-user chroot "$room" "$@"; }
else
  echo "skipped: neither root nor user namespaces here, so no chroot"
  exit 77
fi

"$build/albert-convert" -q examples/albert-reactions -o "$room/model.alb"
cp "$build/albert-run" "$room/albert-run"
text='OB(O)c1ccccc1.Brc1ccncc1>>c1ccc(-c2ccncc2)cc[MASK]'
enter /albert-run --version
inside=$(enter /albert-run fill-mask /model.alb "$text" --json)
outside=$("$build/albert-run" fill-mask "$room/model.alb" "$text" --json)
[ "$inside" = "$outside" ] || { printf 'inside:  %s\noutside: %s\n' "$inside" "$outside"; exit 1; }
echo "the same answer in an empty folder"
