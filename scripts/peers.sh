#!/bin/sh
# Makes the virtual environment of the real libraries that the fixtures, the
# conformance run and the benchmark judge tenon by, unless it is complete.
#
# It lies at .venv in the project's folder, or where TENON_VENV says. Prints one
# line; pip's own words go to a log that is shown only on failure.
# Packages come from the index pip is configured for; where that one has no
# CPU build of torch, the ordinary build is taken.
set -eu

cd "$(dirname "$0")/.."
venv=${TENON_VENV:-$PWD/.venv}
torch=2.13.0
# DeepSpeed's own script and LyCORIS's modules are asked where they install; nothing else
# needs them.
optional="deepspeed==0.19.8 lycoris-lora==4.1.3"
peers="peft==0.21.2 transformers==5.23.0 diffusers==0.42.1 safetensors==0.8.0 h5py==3.16.0 numpy hdf5plugin==7.1.0 ml_dtypes==0.6.0"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

complete() {
  [ -x "$venv/bin/python" ] || return 1
  "$venv/bin/python" - "torch==$torch" $peers <<'PYTHON'
import sys
from importlib.metadata import PackageNotFoundError, version

for pin in sys.argv[1:]:
    name, _, wanted = pin.partition("==")
    try:
        found = version(name)
    except PackageNotFoundError:
        sys.exit(1)
    if wanted and found.split("+")[0] != wanted:
        sys.exit(1)
PYTHON
}

fail() {
  cat "$log" >&2
  echo "peers: $1" >&2
  exit 1
}

pip_install() {
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >>"$log" 2>&1
}

if complete; then
  echo "peers: complete in $venv"
  exit 0
fi

python3 -c 'import ensurepip' 2>/dev/null ||
  fail "python3 cannot make a virtual environment; on Debian: apt-get install python3-venv"
python3 -m venv "$venv" >>"$log" 2>&1 || fail "no virtual environment could be made in $venv"
pip_install "torch==$torch+cpu" || pip_install "torch==$torch" ||
  fail "torch $torch could not be installed"
pip_install $peers || fail "the peers could not be installed: $peers"
for package in $optional; do
  DS_BUILD_OPS=0 pip_install "$package" || echo "peers: without $package"
done
complete || fail "the environment in $venv is not complete after the installation"
echo "peers: installed in $venv"
