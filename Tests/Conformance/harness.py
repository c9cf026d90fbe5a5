"""What every theme needs: to run the tool, to check, and to count."""

import contextlib
import hashlib
import itertools
import json
import os
import random
import shutil
import subprocess
import time
import traceback
from dataclasses import dataclass

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fixtures")
PATIENCE = 120  # seconds before a run counts as hung


@dataclass
class Result:
    status: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"status {self.status}, stdout {self.out[:400]!r}, stderr {self.err[:400]!r}"


class Unexpected(Exception):
    """The tool did what no further check of the case can stand on."""


class Harness:
    def __init__(self, tenon, seed, scratch):
        self.tenon = os.path.abspath(tenon)
        self.random = random.Random(seed)
        self.scratch = scratch
        self.passed = 0
        self.failed = 0
        self.title = ""

    # Running

    def run(self, *arguments, **options):
        """Runs the tool to its end, whatever that is."""
        finished = subprocess.run(
            [self.tenon, *map(str, arguments)], capture_output=True, timeout=PATIENCE, **options)
        return Result(finished.returncode, finished.stdout.decode("utf-8"),
                      finished.stderr.decode("utf-8"))

    def done(self, *arguments, **options):
        """Runs the tool, which has to succeed."""
        result = self.run(*arguments, **options)
        if result.status != 0:
            raise Unexpected(f"tenon {' '.join(map(str, arguments))}: {result}")
        return result

    def json(self, *arguments):
        """What the tool prints with --json: one object, `"schema": 1` first."""
        value = self.done(*arguments, "--json").json()
        self.equal(next(iter(value), None), "schema", "the object begins with its schema")
        self.equal(value.get("schema"), 1, "the schema is 1")
        return value

    # Checking

    def check(self, holds, what, detail=""):
        if holds:
            self.passed += 1
        else:
            self.fail(what, detail)
        return bool(holds)

    def equal(self, found, expected, what):
        return self.check(
            found == expected, what, f"found {shown(found)}, expected {shown(expected)}")

    def fail(self, what, detail=""):
        self.failed += 1
        print(f"FAIL {self.title}: {what}" + (f"\n     {detail}" if detail else ""), flush=True)

    @contextlib.contextmanager
    def case(self, title):
        """A case of its own: what goes wrong in it is a failure and does not stop the others."""
        outer, self.title = self.title, f"{self.title}: {title}" if self.title else title
        try:
            yield
        except Unexpected as error:
            self.fail(str(error))
        except subprocess.TimeoutExpired as error:
            self.fail(f"not done after {PATIENCE} seconds: {error.cmd}")
        except Exception:  # a fault in the checks themselves must be seen as well
            self.fail("the case broke off", traceback.format_exc(limit=-4))
        finally:
            self.title = outer

    # Places

    def fresh(self, name="case"):
        """An empty folder of the given name."""
        path = os.path.join(self.scratch, name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    def places(self, *names):
        """Paths of these names in an empty folder."""
        folder = self.fresh()
        return [os.path.join(folder, name) for name in names]

    def loads_whole(self, info):
        """Checks what transformers says of the keys of a model that it has loaded."""
        for key in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            self.equal(sorted(info[key]), [], f"transformers finds no {key}")


def shown(value):
    text = repr(value)
    return text if len(text) <= 500 else text[:500] + "…"


def fixture(*names):
    return os.path.normpath(os.path.join(FIXTURES, *names))


def hashes(path):
    """File name to SHA-256 for everything under the path."""
    found = {}
    for folder, _, files in os.walk(path):
        for file in files:
            full = os.path.join(folder, file)
            with open(full, "rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            found[os.path.relpath(full, path)] = digest
    return found


def combinations(axes):
    """A case, a dict, for each combination of the axes' values."""
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]


def covering(axes, shuffle):
    """Cases in which every pair of values of two axes meets at least once."""
    every = combinations(axes)
    shuffle(every)

    def pairs(case):
        return set(itertools.combinations(case.items(), 2))

    missing = set().union(*map(pairs, every))
    chosen = []
    while missing:
        best = max(every, key=lambda case: len(pairs(case) & missing))
        chosen.append(best)
        missing -= pairs(best)
    return chosen


def wait_until(condition, seconds):
    """Looks again and again, as nothing tells when another process has come so far."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
    return False
