#!/usr/bin/env python3
"""Judges a built tenon by the real libraries.

    run.py TENON [--seed N] [--only THEME] [--every]

Random models and files each run; the seed that is printed repeats them. The last
line is `N passed, N failed`; the exit status is 1 if anything failed.
"""

import argparse
import importlib
import os
import random
import sys
import tempfile
import time
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
warnings.simplefilter("ignore")

import torch  # noqa: E402

from harness import Harness  # noqa: E402

# The script of each theme, loaded when it runs: some need libraries that take seconds.
THEMES = {
    "inspect": "inspecting",
    "merge": "merging",
    "write": "writing",
    "convert": "converting",
    "hostile": "hostile",
    "fail": "failing",
    "zero": "zero",
    "check": "checking",
    "agree": "agreeing",
    "diff": "diffing",
    "families": "families",
    "projections": "projecting",
    "verify": "verifying",
    "stories": "telling",
    "experts": "experts",
    "layouts": "layouts",
    "kinds": "kinds",
    "several": "several",
    "load": "loading",
    "encoders": "encoders",
    "heads": "heads",
    "lycoris": "lycoris_modules",
    "hdf5": "hdf5",
    "quantised": "quantised",
    "pipelines": "pipelines",
    "mend": "mending",
    "renaming": "renaming",
    "missing": "missing",
    "healthy": "healthy",
    "training": "training",
    "divided": "dividing",
}


def main():
    parser = argparse.ArgumentParser(description="Judges a built tenon by the real libraries.")
    parser.add_argument("tenon", help="the path of the built tool")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--only", choices=THEMES, action="append", help="this theme alone")
    parser.add_argument("--every", action="store_true",
                        help="every combination of the merge table, not a covering choice")
    arguments = parser.parse_args()
    if not os.access(arguments.tenon, os.X_OK):
        parser.error(f"{arguments.tenon} cannot be run; build it first: make build")

    print(f"conformance of {arguments.tenon} with --seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tenon-conformance-") as scratch:
        passed = failed = 0
        for name in arguments.only or THEMES:
            # Each theme draws from its own sequence, so that --only repeats it.
            harness = Harness(arguments.tenon, f"{arguments.seed} {name}", scratch)
            torch.manual_seed(harness.random.randrange(1 << 62))
            start = time.monotonic()
            with harness.case(name):
                importlib.import_module(THEMES[name]).run(harness, every=arguments.every)
            print(f"{name}: {harness.passed} passed, {harness.failed} failed "
                  f"in {time.monotonic() - start:.0f} s", flush=True)
            passed += harness.passed
            failed += harness.failed
    if failed:
        print(f"to repeat: --seed {arguments.seed}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
