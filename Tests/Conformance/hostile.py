"""Damaged and odd files: tenon refuses what has to be refused, and never traps."""

import os
import shutil

import torch

from harness import fixture
from models import read_json, write_json
from tensors import described_by_safe_open

MUTATIONS = 300  # randomly damaged files a run, of each format


def run(harness, every):
    for row in read_json(fixture("safetensors", "expected.json"))["files"]:
        with harness.case(row["path"]):
            path = fixture("safetensors", row["path"])
            (good if row["tenon"] == "ok" else damaged)(harness, path)
    with harness.case("an index with an absolute path that exists"):
        absolute_path(harness)
    with harness.case("a path that is not there"):
        damaged(harness, os.path.join(harness.fresh(), "no-such-file.safetensors"))
    with harness.case("an empty folder"):
        damaged(harness, harness.fresh("empty-folder"))
    with harness.case("randomly damaged safetensors files"):
        mutated_safetensors(harness)
    with harness.case("randomly damaged torch files"):
        mutated_torch_files(harness)


def good(harness, path):
    found = harness.json("inspect", path)
    if os.path.isdir(path):
        harness.equal([row["name"] for row in found["tensors"]], ["a", "b"], "the tensors")
        return
    expected, metadata = described_by_safe_open(path)
    harness.equal(
        {row["name"]: (row["dtype"], row["shape"], row["bytes"]) for row in found["tensors"]},
        expected, "what safe_open reads")
    harness.equal(found["metadata"], metadata, "metadata")


def damaged(harness, path):
    """Refused in words, in JSON, and as the base of a merge."""
    result = harness.run("inspect", path)
    harness.equal(result.status, 2, "inspect refuses it")
    # Of an index whose shards cannot be read, the names are told all the same.
    shard = os.path.basename(path) in ("index-shard-missing", "index-damaged-shard")
    if shard:
        harness.check("in shards that could not be read\n  b  model-00002-of-" in result.out,
                      "the names that the index tells", result.out)
    else:
        harness.equal(result.out, "", "nothing on stdout")
    harness.check(result.err.startswith("tenon: "), "the error is tenon's own", result.err)
    harness.check(os.path.basename(path) in result.err, "the error names the file", result.err)

    result = harness.run("inspect", path, "--json")
    harness.equal(result.status, 2, "inspect --json refuses it")
    found = result.json()
    if shard:
        harness.equal([row["name"] for row in found["tensors"] + found["absent"]], ["a", "b"],
                      "the tensors and those that are absent")
    else:
        harness.equal(list(found), ["schema", "error"], "the failure object")
    harness.check({"path", "tensor", "message", "fix"} <= set(found["error"]),
                  "the fields of the error", str(found))
    harness.check(os.path.basename(path) in (found["error"]["path"] or ""),
                  "the error object names the file", str(found))
    harness.check(found["error"]["message"], "the error object says what is wrong", str(found))

    place = harness.fresh("damaged")
    merge = harness.run("merge", path, fixture("peft", "llama-bf16", "adapter-plain"),
                        "-o", os.path.join(place, "out"))
    harness.equal(merge.status, 2, "merge refuses it")
    harness.equal(os.listdir(place), [], "nothing is written")


def absolute_path(harness):
    place = harness.fresh()
    outside = os.path.join(place, "outside.safetensors")
    shutil.copyfile(fixture("safetensors", "good", "scalar.safetensors"), outside)
    folder = os.path.join(place, "indexed")
    os.makedirs(folder)
    write_json(os.path.join(folder, "model.safetensors.index.json"),
               {"metadata": {"total_size": 4}, "weight_map": {"a": outside}})
    damaged(harness, folder)


def mutate(random, content, whole):
    """A few bytes changed, cut, repeated or put in; mostly in the header."""
    content = bytearray(content)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(content) if whole else min(len(content), 400))
        action = random.randrange(6)
        if action <= 2:
            content[place] = random.choice([random.randrange(256), *b'0123456789[]{},":\\-'])
        elif action == 3:
            del content[place:place + random.randint(1, 9)]
        elif action == 4:
            content[place:place] = content[place:place + random.randint(1, 30)]
        else:
            content[place] ^= 1 << random.randrange(8)
        if not content:
            break
    return bytes(content)


def sound(harness, result, path, content):
    """Done or refused with a JSON object; a trap is neither. Returns whether it was done."""
    orderly = result.status == 0 or (result.status == 2 and '"error"' in result.out)
    if not harness.check(orderly, "a damaged file is read or refused",
                         f"{result}; the file: {content[:600].hex()}"):
        return False
    return result.status == 0


def mutated_safetensors(harness):
    """Tenon may be stricter than the reference reader, never laxer."""
    folder = fixture("safetensors", "good")
    sources = [name for name in sorted(os.listdir(folder)) if name.endswith(".safetensors")]
    path = os.path.join(harness.fresh(), "mutated.safetensors")
    for _ in range(MUTATIONS):
        with open(os.path.join(folder, harness.random.choice(sources)), "rb") as file:
            content = mutate(harness.random, file.read(), whole=False)
        with open(path, "wb") as file:
            file.write(content)
        result = harness.run("inspect", path, "--json")
        if not sound(harness, result, path, content):
            continue
        try:
            expected, metadata = described_by_safe_open(path)
        except Exception as error:  # the real reader raises several kinds
            harness.fail("tenon reads what safe_open refuses", f"{error}; {content[:600].hex()}")
            continue
        found = result.json()
        harness.equal(
            {row["name"]: (row["dtype"], row["shape"], row["bytes"]) for row in found["tensors"]},
            expected, f"the same tensors as safe_open from {content[:600].hex()}")


def mutated_torch_files(harness):
    """No verdict to compare with, as torch checks less; but no trap, no hang."""
    source, path = harness.places("source.bin", "mutated.bin")
    torch.save({"a.weight": torch.randn(3, 4).t(), "b": torch.arange(5)}, source)
    with open(source, "rb") as file:
        original = file.read()
    for _ in range(MUTATIONS):
        content = mutate(harness.random, original, whole=True)
        with open(path, "wb") as file:
            file.write(content)
        sound(harness, harness.run("inspect", path, "--json"), path, content)
