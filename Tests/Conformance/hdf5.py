"""HDF5: what h5py and the tools of hdf5-tools make of written files, and what tenon makes
of h5py's; damaged files.

    hdf5.py TENON [--mutations N] [--seed N]     the mutations alone, N of them
"""

import argparse
import ctypes
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import h5py
import ml_dtypes
import numpy as np
import torch
from safetensors.torch import load_file, save_file

import hdf5_strangers

WAYS = (None, "gzip", "gzip:9", "zstd", "zstd:10")
DTYPES = {
    torch.bool: None, torch.uint8: None, torch.int8: None, torch.int16: None, torch.uint16: None,
    torch.int32: None, torch.uint32: None, torch.int64: None, torch.uint64: None,
    torch.float16: None, torch.float32: None, torch.float64: None, torch.complex64: None,
    torch.bfloat16: "bfloat16", torch.float8_e4m3fn: "float8_e4m3fn",
    torch.float8_e5m2: "float8_e5m2",
}


def run(harness, every=False):
    with harness.case("h5py reads what tenon writes"):
        for way in WAYS:
            written(harness, way)
    with harness.case("tenon reads what h5py writes"):
        for _ in range(20 if every else 6):
            read(harness)
    with harness.case("numbers that no tensor can have"):
        unsupported(harness)
    with harness.case("the tools of HDF5"):
        tools(harness)
    with harness.case("files of others"):
        hdf5_strangers.run(harness)
    import hdf5_sources
    hdf5_sources.run(harness, every)
    with harness.case("damaged files"):
        mutations(harness, 3000 if every else 300)


def tensors(random):
    """Some of each type, small and large, flat and deep."""
    made = {}
    for dtype in DTYPES:
        for shape in ((), (3,), (0, 4), (7, 5), (2, 3, 4, 5), (900, 700)):
            count = int(np.prod(shape, dtype=int))
            bits = torch.randint(0, 2 if dtype == torch.bool else 120, (count * dtype.itemsize,),
                                 dtype=torch.uint8)
            made[f"t.{dtype}.{'x'.join(map(str, shape))}"] = bits.view(dtype).reshape(shape)
    names = list(made)
    random.shuffle(names)
    return {name: made[name] for name in names}


def written(harness, way):
    source, target, back = harness.places("a.safetensors", "a.h5", "b.safetensors")
    made = tensors(harness.random)
    save_file(made, source, metadata={"format": "pt", "note": "größe"})
    harness.done("convert", source, "-o", target, *(["--compress", way] if way else []))
    import hdf5plugin  # noqa: F401, registers Zstandard
    with h5py.File(target) as file:
        harness.equal(set(file) - {"__metadata__"}, set(made), f"{way}: the names")
        for name, tensor in made.items():
            harness.check(equal(file[name], tensor), f"{way}: {name}", f"{file[name]}")
    harness.done("convert", target, "-o", back)
    with open(source, "rb") as a, open(back, "rb") as b:
        harness.check(a.read() == b.read(), f"{way}: there and back the same bytes")


def equal(dataset, tensor):
    """Whether h5py's array has the tensor's values, NaN where it has NaN."""
    name = DTYPES[tensor.dtype]
    if dataset.attrs.get("dtype") != name or dataset.shape != tuple(tensor.shape):
        return False
    found = dataset[()]
    if name and name.startswith("float8"):
        return (found == tensor.view(torch.uint8).numpy()).all()
    if name == "bfloat16":
        # As Keras reads them.
        found = np.asarray(found).astype(ml_dtypes.bfloat16).view(np.uint16)
        wanted = tensor.view(torch.uint16).numpy()
        return np.array_equal(found, wanted)
    return np.array_equal(found, tensor.numpy(), equal_nan=tensor.is_floating_point())


def read(harness):
    """A file with random shapes, chunks and filters."""
    import hdf5plugin
    draw = harness.random
    source, target = harness.places("a.h5", "a.safetensors")
    made = {}
    options = draw.choice([{}, {"libver": ("v110", "v110")}, {"userblock_size": 2048},
                           {"track_order": True}])
    with h5py.File(source, "w", **options) as file:
        for number in range(25):
            shape = tuple(draw.randint(1, 40) for _ in range(draw.randint(1, 4)))
            dtype = draw.choice(["<f4", ">f4", "<f2", "<i8", ">i2", "u1", "<f8", "<c8", "?"])
            array = np.random.default_rng(draw.randrange(1 << 32)).integers(
                0, 2 if dtype == "?" else 100, shape).astype(dtype)
            extra = {}
            if draw.random() < 0.7:
                extra["chunks"] = tuple(draw.randint(1, size) for size in shape)
                if draw.random() < 0.4:
                    extra["maxshape"] = tuple(draw.choice([None, size]) for size in shape)
                extra["shuffle"] = draw.random() < 0.5
                extra["fletcher32"] = draw.random() < 0.5
                extra |= draw.choice([{}, {"compression": "gzip"}, dict(hdf5plugin.Zstd())])
                if "libver" in options and draw.random() < 0.5:
                    extra["dcpl"] = unfiltered_edges()
            path = "/".join(f"g{draw.randint(0, 2)}" for _ in range(draw.randint(0, 3)))
            path = f"{path}/w{number}" if path else f"w{number}"
            file.create_dataset(path, data=array, **extra)
            made[path.replace("/", ".")] = array
    harness.done("convert", source, "-o", target)
    found = load_file(target)
    harness.equal(set(found), set(made), "the names")
    for name, array in made.items():
        wanted = array.astype(array.dtype.newbyteorder("<"))
        harness.check(np.array_equal(found[name].numpy(), wanted), f"{name} {array.dtype}")


def unfiltered_edges():
    """Properties of a dataset whose chunks at the edge are stored without the filters; h5py
    has no name for that."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        library = next(line.split()[-1] for line in maps if "libhdf5-" in line)
    set_options = ctypes.CDLL(library).H5Pset_chunk_opts
    set_options.argtypes = [ctypes.c_int64, ctypes.c_uint]
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((1,))
    assert set_options(properties.id, 2) >= 0
    return properties


def unsupported(harness):
    """Two files that differ in such numbers alone, and one with itself."""
    paths = harness.places("a.h5", "b.h5")
    for number, path in enumerate(paths):
        with h5py.File(path, "w") as file:
            file["w"] = np.zeros(3, "f4")
            file["long"] = np.arange(3).astype(np.longdouble) + number
            kind = h5py.h5t.STD_U16LE.copy()
            kind.set_precision(12)
            twelve = h5py.h5d.create(file.id, b"twelve", kind, h5py.h5s.create_simple((3,)))
            twelve.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(3, dtype="u2") + number)
    result = harness.run("diff", *paths, "--json")
    harness.equal(result.status, 1, "they differ")
    different = {tensor["name"] for tensor in json.loads(result.out)["different"]}
    harness.equal(different, {"long", "twelve"}, "what differs")
    harness.equal(harness.run("diff", paths[0], paths[0]).status, 0, "a file is the same as itself")
    result = harness.run("check", paths[0], "--json")
    harness.equal(result.status, 1, "check finds them")
    codes = [finding["code"] for finding in json.loads(result.out)["findings"]]
    harness.equal(codes.count("unsupported-type"), 2, "one finding for each")


def tools(harness):
    if shutil.which("h5dump") is None:
        print("hdf5: without h5dump, h5ls, h5diff and h5repack")
        return
    plain, packed, repacked, source = harness.places("a.h5", "b.h5", "c.h5", "a.safetensors")
    # h5repack cannot compress a dataset without elements, whoever wrote it.
    made = {name: tensor for name, tensor in tensors(harness.random).items() if tensor.numel()}
    save_file(made, source)
    harness.done("convert", source, "-o", plain)
    harness.done("convert", source, "-o", packed, "--compress", "gzip")
    subprocess.run(["h5repack", "-f", "SHUF", "-f", "GZIP=1", plain, repacked], check=True)
    for command in (["h5dump", plain], ["h5dump", packed], ["h5ls", "-r", "-v", packed],
                    ["h5diff", plain, packed], ["h5diff", plain, repacked]):
        done = subprocess.run(command, capture_output=True)
        harness.equal((done.returncode, done.stderr), (0, b""), " ".join(command[:1]))
    for path in (packed, repacked):
        result = harness.run("diff", source, path)
        harness.equal(result.status, 0, f"diff finds {os.path.basename(path)} the same")


def mutations(harness, count):
    """Files with a few wrong bytes: a result or an error in words, soon, and no litter."""
    folder = harness.fresh()
    seeds = []
    for name, options in (("old", {}), ("new", {"libver": ("v110", "v110")})):
        path = os.path.join(folder, name + ".h5")
        with h5py.File(path, "w", **options) as file:
            file["a.weight"] = np.arange(12, dtype="<f4").reshape(3, 4)
            file["group/b"] = np.arange(5, dtype="<i8")
            file.create_dataset("c", data=np.arange(100, dtype="<f4").reshape(10, 10),
                                chunks=(4, 5), compression="gzip", shuffle=True, fletcher32=True)
            # Chunks by the dozen are looked for in another way than a few.
            file.create_dataset("d", data=np.arange(144, dtype="<f4").reshape(12, 12),
                                chunks=(2, 2), maxshape=(12, None))
            file["group"].attrs["text"] = "words"
            file["group"].attrs["numbers"] = [1, 2, 3]
        seeds.append(open(path, "rb").read())
    victim, output = os.path.join(folder, "x.h5"), os.path.join(folder, "x.safetensors")
    before = set(os.listdir(folder)) | {"x.h5"}
    ends = {0: 0, 2: 0}
    died = slowest = 0
    for _ in range(count):
        data = bytearray(harness.random.choice(seeds))
        for _ in range(harness.random.randint(1, 8)):
            data[harness.random.randrange(len(data))] = harness.random.randrange(256)
        if harness.random.random() < 0.05:
            del data[harness.random.randrange(len(data)):]
        with open(victim, "wb") as file:
            file.write(data)
        start = time.monotonic()
        result = harness.run("convert", victim, "-o", output, "--quiet")
        slowest = max(slowest, time.monotonic() - start)
        died += "crashed" in result.err or "took more than its time" in result.err
        fine = result.status in (0, 2) and (result.status == 0 or result.err.startswith("tenon: "))
        if not harness.check(fine, "an end in words", str(result)):
            shutil.copy(victim, os.path.join(harness.scratch, "kept.h5"))
        ends[result.status] = ends.get(result.status, 0) + 1
        if result.status == 0:
            os.remove(output)
        harness.equal(set(os.listdir(folder)), before, "nothing is left behind")
    harness.check(slowest < 11, "no run takes long", f"{slowest:.1f} s")
    print(f"hdf5: of {count} damaged files {ends.get(0)} were read, {ends.get(2)} refused; "
          f"the helper died on {died}; the slowest took {slowest:.1f} s")


def main():
    from harness import Harness
    parser = argparse.ArgumentParser(description="Damages HDF5 files and has tenon read them.")
    parser.add_argument("tenon")
    parser.add_argument("--mutations", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    print(f"hdf5 with --seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tenon-hdf5-") as scratch:
        harness = Harness(arguments.tenon, arguments.seed, scratch)
        mutations(harness, arguments.mutations)
    print(f"{harness.passed} passed, {harness.failed} failed")
    return 1 if harness.failed else 0


if __name__ == "__main__":
    sys.exit(main())
