"""Tensors compared bit for bit, and files of random tensors."""

import glob
import json
import os
import struct

import torch
from safetensors import safe_open
from safetensors.torch import save_file

NAMES = {
    torch.bool: "BOOL", torch.uint8: "U8", torch.int8: "I8", torch.int16: "I16",
    torch.uint16: "U16", torch.int32: "I32", torch.uint32: "U32", torch.int64: "I64",
    torch.uint64: "U64", torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32",
    torch.float64: "F64", torch.complex64: "C64", torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2", torch.float8_e4m3fnuz: "F8_E4M3FNUZ",
    torch.float8_e5m2fnuz: "F8_E5M2FNUZ", torch.float8_e8m0fnu: "F8_E8M0",
}
INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def bits(tensor):
    """The tensor's bit patterns as integers."""
    return tensor.contiguous().view(INTEGERS[tensor.element_size()])


def ordered(tensor):
    """Integers that lie as far apart as the floating-point values do in last places."""
    pattern = bits(tensor).to(torch.int64)
    lowest = 1 << (8 * tensor.element_size() - 1)
    return torch.where(pattern < 0, -(pattern + lowest), pattern)


def difference(a, b):
    """How many elements differ in their bits, and by how many units in the last place at most."""
    differing = bits(a) != bits(b)
    count = int(differing.sum())
    distance = (ordered(a) - ordered(b)).abs()[differing]
    return count, int(distance.max()) if count else 0


def random_values(shape, dtype):
    """Random bit patterns for which the type has a meaning."""
    size = torch.empty(0, dtype=dtype).element_size()
    count = 1
    for length in shape:
        count *= length
    raw = torch.randint(0, 2 if dtype == torch.bool else 256, (count * size,), dtype=torch.uint8)
    return raw.view(dtype).reshape(shape)


def random_state(random, count):
    """Tensors of random types, shapes (scalars and empty ones too) and names."""
    words = ["model", "layers", "weight", "bias", "attn", "mlp", "norm", "étage", "a b", "x"]
    state = {}
    while len(state) < count:
        parts = [random.choice(words) for _ in range(random.randint(1, 3))]
        parts.insert(random.randint(0, len(parts)), str(random.randint(0, 12)))
        dimensions = random.choice([0, 1, 1, 2, 2, 2, 3, 4])
        shape = [random.choice([0, 1, 2, 3, 5, 8, 17]) for _ in range(dimensions)]
        state[".".join(parts)] = random_values(shape, random.choice(list(NAMES)))
    return state


def described(state):
    """What inspect has to say of each tensor."""
    return {name: (NAMES[tensor.dtype], list(tensor.shape), tensor.numel() * tensor.element_size())
            for name, tensor in state.items()}


def header(path):
    """The header of a safetensors file, in its order."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        return json.loads(file.read(length))


def described_by_safe_open(path):
    """The same from the real reader; order and byte counts from the header, as it tells neither."""
    entries = header(path)
    found = {}
    with safe_open(path, framework="pt") as file:
        names = [name for name in entries if name != "__metadata__"]
        if sorted(names) != sorted(file.keys()):
            raise ValueError(f"safe_open and the header of {path} differ in their names")
        for name in names:
            part = file.get_slice(name)
            begin, end = entries[name]["data_offsets"]
            found[name] = (part.get_dtype(), list(part.get_shape()), end - begin)
        return found, file.metadata() or {}


def load_directory(directory):
    """Every tensor of a folder in the Hugging Face layout, through the real reader."""
    index = os.path.join(directory, "model.safetensors.index.json")
    if os.path.exists(index):
        with open(index, encoding="utf-8") as file:
            weight_map = json.load(file)["weight_map"]
    else:
        weight_map = None
    state, places = {}, {}
    for path in sorted(glob.glob(os.path.join(directory, "*.safetensors"))):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():
                if name in state:
                    raise ValueError(f"{name} lies in two shards of {directory}")
                state[name] = file.get_tensor(name)
                places[name] = os.path.basename(path)
    if weight_map is not None and weight_map != places:
        raise ValueError(f"the index of {directory} does not say where the tensors lie")
    return state


def save_sorted(tensors, path, metadata):
    """Writes with the reference writer, which orders metadata at random: until it is sorted."""
    wanted = json.dumps(metadata, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    for _ in range(1000):
        save_file(tensors, path, metadata=metadata)
        with open(path, "rb") as file:
            if wanted.encode() in file.read():
                return
    raise ValueError(f"{path}: the metadata never came out sorted")


def save_by_hand(tensors, path, metadata=None, gap=""):
    """A valid file the reference writer would not write: own order, nothing aligned."""
    entries = {} if metadata is None else {"__metadata__": metadata}
    place = 0
    data = b""
    for name, tensor in tensors.items():
        raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        entries[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape),
                         "data_offsets": [place, place + len(raw)]}
        place += len(raw)
        data += raw
    text = (json.dumps(entries) + gap).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
