#!/bin/sh
# Installs the Debian packages that are missing; on another system names them.
set -eu

missing=""
if command -v dpkg-query >/dev/null 2>&1; then
  for package in "$@"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || exit 0
fi

if [ -z "$missing" ]; then
  echo "deps: this is no Debian system; make sure that it has what these packages hold: $*" >&2
  exit 0
fi

if [ "$(id -u)" -eq 0 ]; then sudo=""; else sudo="sudo"; fi
echo "deps: installing$missing" >&2
if [ -n "$sudo" ] && ! command -v sudo >/dev/null 2>&1; then
  echo "deps: please install as root: apt-get install$missing" >&2
  exit 1
fi
$sudo apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
