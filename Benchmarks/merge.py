#!/usr/bin/env python3
"""Times `tenon merge` beside `cp` and PEFT, and `tenon inspect` beside `safe_open`.

    merge.py TENON [--rounds N] [--peft-rounds N] [--only NAME]… [--compare] [--folder DIR]

Each run is a process of its own; the rivals run in turn, round after round. Prints
medians, ratios and peak memory. It judges nothing: the numbers depend on the machine.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))

from large_models import make_adapter, make_base, make_wide_header

HEADER_TENSORS = 94_000
# A copy that is on the disk when it ends, as a merge is.
COPY_AND_SYNC = 'cp -r "$1" "$2" && find "$2" -exec sync {} +'


@dataclass
class Runs:
    """The seconds and peak memories of one contestant."""

    seconds: list = field(default_factory=list)
    peaks: list = field(default_factory=list)

    def add(self, command):
        """Runs the command to its end, which has to be a good one."""
        measure = [sys.executable, "-I", "-S", os.path.join(HERE, "measure.py")]
        done = subprocess.run(measure + command, capture_output=True, check=True, text=True)
        found = json.loads(done.stdout)
        if found["status"] != 0:
            sys.exit(f"{' '.join(command)}: status {found['status']}\n{done.stderr}")
        self.seconds.append(found["seconds"])
        self.peaks.append(found["peak"] / 1024)

    @property
    def median(self):
        return statistics.median(self.seconds)

    def ratio(self, reference):
        """The median of the ratios round by round, in which both met the same machine."""
        return statistics.median(
            own / other for own, other in zip(self.seconds, reference.seconds))

    def row(self, name, reference):
        ratio = f"{self.ratio(reference):6.2f} ×"
        spread = f"{min(self.seconds):.3f} – {max(self.seconds):.3f}"
        return f"{name:<34}{self.median:>10.3f}   {spread:<18}{max(self.peaks):>9.0f} MiB  {ratio}"


def table(title, contestants, reference):
    print(f"\n{title}")
    print(f"{'':<34}{'median s':>10}   {'min – max':<18}{'peak':>13}  to {reference}")
    for name, runs in contestants.items():
        if runs.seconds:
            print(runs.row(name, contestants[reference]), flush=True)


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def make_once(path, make):
    """Makes the input unless an earlier run left it complete."""
    if os.path.exists(path):
        return path
    print(f"making {path}", flush=True)
    part = path + ".part"
    shutil.rmtree(part, ignore_errors=True)
    make(part)
    os.rename(part, path)
    return path


def drop(path):
    shutil.rmtree(path, ignore_errors=True)


@dataclass
class Merge:
    """One merge: what it is called, the files of its base and the method of its adapter."""

    name: str
    shards: int = 1
    is_dora: bool = False

    def inputs(self, folder, layers):
        """The directories of the base and the adapter, made if they are not there."""
        kind = "dora" if self.is_dora else "lora"
        return (make_once(os.path.join(folder, f"base-{layers}-layers-{self.shards}-shards"),
                          lambda path: make_base(path, layers=layers, shards=self.shards)),
                make_once(os.path.join(folder, f"{kind}-{layers}-layers"),
                          lambda path: make_adapter(path, layers=layers, is_dora=self.is_dora)))


MERGES = {"lora": Merge("LoRA"), "dora": Merge("DoRA", is_dora=True),
          "shards": Merge("LoRA, 16 shards", shards=16)}


def merge_benchmark(arguments, merge):
    base, adapter = merge.inputs(arguments.folder, arguments.layers)
    out = os.path.join(arguments.folder, "out")
    ours = [arguments.tenon, "merge", base, adapter, "-o", out, "--quiet"]
    commands = {
        "cp": ["cp", "-r", base, out],
        "tenon merge --no-sync": [*ours, "--no-sync"],
        "cp, then sync": ["sh", "-c", COPY_AND_SYNC, "sh", base, out],
        "tenon merge": ours,
        "PEFT": [sys.executable, os.path.join(HERE, "peft_merge.py"), base, adapter, out],
    }
    runs = {name: Runs() for name in commands}
    drop(out)
    subprocess.run(commands["cp"], check=True)  # the base comes into the cache
    drop(out)
    for round_number in range(arguments.rounds):
        turns = list(commands.items())
        # Whoever comes second may find the disk as the first left it.
        for name, command in turns if round_number % 2 == 0 else turns[::-1]:
            if name == "PEFT" and round_number >= arguments.peft_rounds:
                continue
            runs[name].add(command)
            last = name == "PEFT" and round_number == arguments.peft_rounds - 1
            if arguments.compare and last:
                # tenon's output of this round is gone; the same bytes come again.
                again = out + "-again"
                subprocess.run([*ours[:5], again, "--quiet"], check=True,
                               stdout=subprocess.DEVNULL)
                compare(again, out)
                drop(again)
            drop(out)

    size = sum(os.path.getsize(os.path.join(base, name)) for name in os.listdir(base))
    title = f"merge: {merge.name}, rank 16 on all seven projections, into {size / 1e9:.2f} GB BF16"
    unsynced = ("cp", "tenon merge --no-sync")
    table(f"{title}, left to the system", {name: runs[name] for name in unsynced}, "cp")
    table(f"{title}, on the disk at the end",
          {name: own for name, own in runs.items() if name not in unsynced}, "cp, then sync")


def compare(found, expected):
    """How many merged numbers differ from PEFT's in their bits."""
    sys.path.insert(0, os.path.join(HERE, "..", "Tests", "Conformance"))
    from tensors import difference, load_directory
    ours, theirs = load_directory(found), load_directory(expected)
    if sorted(ours) != sorted(theirs):
        sys.exit("the two outputs have unlike tensors")
    elements = sum(tensor.numel() for tensor in theirs.values())
    results = [difference(ours[name], tensor) for name, tensor in theirs.items()]
    differing, ulp = sum(count for count, _ in results), max(ulp for _, ulp in results)
    print(f"compared with PEFT: {differing} of {elements} elements differ "
          f"({differing / elements:.1e}), by at most {ulp} ulp", flush=True)


def header_benchmark(arguments):
    folder = make_once(os.path.join(arguments.folder, "header"), lambda path: (
        os.makedirs(path),
        make_wide_header(os.path.join(path, "wide.safetensors"), HEADER_TENSORS)))
    path = os.path.join(folder, "wide.safetensors")
    commands = {
        "safe_open in Python": [sys.executable, os.path.join(HERE, "read_header.py"), path],
        "tenon inspect": [arguments.tenon, "inspect", path],
        "tenon inspect --keys": [arguments.tenon, "inspect", path, "--keys"],
        "tenon inspect --json": [arguments.tenon, "inspect", path, "--json"],
    }
    runs = {name: Runs() for name in commands}
    for _ in range(arguments.rounds):
        for name, command in commands.items():
            runs[name].add(command)
    table(f"header: {HEADER_TENSORS} tensors, {os.path.getsize(path) / 1e6:.1f} MB", runs,
          "safe_open in Python")


def main():
    parser = argparse.ArgumentParser(description="Times tenon beside cp, PEFT and safe_open.")
    parser.add_argument("tenon", help="the path of the built tool")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ROUNDS", 5)))
    parser.add_argument("--peft-rounds", type=int, default=2, help="0 leaves PEFT out")
    parser.add_argument("--layers", type=int, default=24, help="of the base; fewer for a trial")
    parser.add_argument("--compare", action="store_true", help="compare the output with PEFT's")
    parser.add_argument("--folder", default=os.path.join(HERE, "..", ".bench"),
                        help="where inputs are kept and outputs come and go")
    parser.add_argument("--only", choices=[*MERGES, "header"], action="append")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.layers < 1:
        parser.error("--rounds and --layers are at least 1")
    arguments.tenon = os.path.abspath(arguments.tenon)
    arguments.folder = os.path.abspath(arguments.folder)
    os.makedirs(arguments.folder, exist_ok=True)
    print(machine())
    wanted = arguments.only or [*MERGES, "header"]
    for name, merge in MERGES.items():
        if name in wanted:
            merge_benchmark(arguments, merge)
    if "header" in wanted:
        header_benchmark(arguments)


if __name__ == "__main__":
    main()
