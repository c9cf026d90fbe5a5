#!/usr/bin/env bash
# Runs the tests with the given Swift, and repeats at the end what failed: the
# last lines are what a build server keeps.
set -euo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$1" test 2>&1 | tee "$log" && exit 0
status=${PIPESTATUS[0]}
echo "what failed:"
grep -E '^✘|error:' "$log" || tail -n 40 "$log"
exit "$status"
