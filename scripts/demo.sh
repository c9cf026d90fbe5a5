#!/bin/sh
# The main job on the fixtures: what is in an adapter, the merge, and the proof that
# the merged file is the one PEFT wrote.
#
#   demo.sh TENON
set -eu

tenon=${1:?"the path of the built tool is missing: demo.sh TENON"}
fixtures=$(dirname "$0")/../fixtures/peft/llama-bf16
fixtures=$(cd "$fixtures" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

step() {
  printf '\n== %s\n' "$1"
}

step "What is in the adapter? (tenon inspect)"
"$tenon" inspect "$fixtures/adapter-plain"

step "Merge it into its base. (tenon merge)"
"$tenon" merge "$fixtures/base" "$fixtures/adapter-plain" -o "$out/merged"

step "What came out? (tenon inspect --tree)"
"$tenon" inspect "$out/merged" --tree

step "Is it, bit for bit, what PEFT's merge_and_unload() and save_pretrained() wrote? (cmp)"
if ! cmp "$out/merged/model.safetensors" "$fixtures/merged-plain/model.safetensors"; then
  echo "No: the files differ."
  exit 1
fi
echo "Yes: all $(wc -c <"$out/merged/model.safetensors") bytes are the same."
