#!/usr/bin/env python3
"""Judges a built tenon by the real libraries.

    run.py TENON [--seed N] [--only THEME] [--every]

Random models and files each run; the seed that is printed repeats them. The last
line is `N passed, N failed`; the exit status is 1 if anything failed.
"""

import argparse
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

import checking  # noqa: E402
import converting  # noqa: E402
import diffing  # noqa: E402
import failing  # noqa: E402
import hostile  # noqa: E402
import inspecting  # noqa: E402
import kinds  # noqa: E402
import merging  # noqa: E402
import projecting  # noqa: E402
import writing  # noqa: E402
import zero  # noqa: E402
from harness import Harness  # noqa: E402



def families(harness, every):
    import families as theme  # diffusers takes seconds to load, and this alone needs it
    theme.run(harness, every)


THEMES = {
    "inspect": inspecting.run, "merge": merging.run, "write": writing.run,
    "convert": converting.run, "hostile": hostile.run, "fail": failing.run, "zero": zero.run,
    "check": checking.run, "diff": diffing.run, "families": families,
    "projections": projecting.run, "kinds": kinds.run,
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
                THEMES[name](harness, every=arguments.every)
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
