#!/bin/sh
# Puts the programs, their manual pages and the completions of three shells in place:
# install.sh BUILT PREFIX
set -eu

built=${1:?"the folder of the built programs is missing: install.sh BUILT PREFIX"}
prefix=${2:?"the folder to install into is missing: install.sh BUILT PREFIX"}
cd "$(dirname "$0")/.."

install -d "$prefix/bin" "$prefix/share/man/man1" "$prefix/share/man/man5"
# The helper lies beside the program, which is where that looks for it.
install -s "$built/tenon" "$built/tenon-hdf5" "$prefix/bin"
install -m 644 man/*.1 "$prefix/share/man/man1"
install -m 644 man/*.5 "$prefix/share/man/man5"

# The folders in which each shell looks by itself.
completion() {
  install -d "$prefix/share/$2"
  "$built/tenon" --generate-completion-script "$1" >"$prefix/share/$2/$3"
}
completion bash bash-completion/completions tenon
completion zsh zsh/site-functions _tenon
completion fish fish/vendor_completions.d tenon.fish
