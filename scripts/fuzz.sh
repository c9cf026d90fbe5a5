#!/bin/sh
# Gives each reader bytes that libFuzzer makes up, for so many seconds: fuzz.sh SECONDS.
# What it learns stays in Fuzzing/.build/corpus for the next time; an input that
# crashes, hangs or takes too much memory stays in Fuzzing/.build/found.
set -eu

cd "$(dirname "$0")/.."
seconds=${1:-60}
corpus=Fuzzing/.build/corpus
found=Fuzzing/.build/found

build() {
  "${SWIFT:-swift}" build --package-path Fuzzing --sanitize=fuzzer -c release "$@"
}

# The fixtures to begin with; larger ones only cost time.
seed() {
  mkdir -p $corpus/FuzzZip $corpus/FuzzPickle $corpus/FuzzSafetensors $corpus/FuzzHDF5 $found
  find fixtures/pytorch -name '*.pt' -size -24 | while read -r file; do
    name=$(basename "$file")
    case $name in
      # Those that go to the limits of the pickle take up to a second each.
      pickle-*) ;;
      *) cp "$file" "$corpus/FuzzZip/$name" ;;
    esac
    # What is no archive has none; what is too long is cut.
    unzip -p "$file" '*/data.pkl' 2>/dev/null </dev/null | head -c 12288 \
      >"$corpus/FuzzPickle/$name.pkl" || true
  done
  find fixtures/safetensors -name '*.safetensors' -size -24 | while read -r file; do
    cp "$file" "$corpus/FuzzSafetensors/$(echo "$file" | tr / _)"
  done
  # What the helper answers is what is made up.
  "${SWIFT:-swift}" build --product tenon-hdf5 >&2
  helper=$("${SWIFT:-swift}" build --show-bin-path)/tenon-hdf5
  find fixtures/hdf5 -name '*.h5' | while read -r file; do
    # The helper may write to a pipe alone.
    "$helper" index "$file" 2>/dev/null | cat >"$corpus/FuzzHDF5/$(basename "$file")"
  done
}

run() {
  log=Fuzzing/.build/$1.log
  if ! "$(build --show-bin-path)/$1" -max_total_time="$seconds" -max_len=16384 -timeout=10 \
    -rss_limit_mb=1024 -artifact_prefix="$found/$1-" "$corpus/$1" >"$log" 2>&1
  then
    tail -n 40 "$log" >&2
    echo "$1: failed; the input is in $found" >&2
    exit 1
  fi
  echo "$1: $(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log") inputs in $seconds s, no fault"
}

seed
for fuzzer in FuzzZip FuzzPickle FuzzSafetensors FuzzHDF5; do
  build --product $fuzzer >&2
  run $fuzzer
done
