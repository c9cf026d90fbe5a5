"""Checkpoints that only a training program loads: what torch writes of them is called what it
is, and the command that is given for a distributed one makes a file of the same tensors."""

import os
import shlex
import subprocess
import sys

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.fsdp.wrap import ModuleWrapPolicy

from tensors import NAMES


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.query = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)


def model(harness):
    width = harness.random.randrange(2, 12)
    return nn.Sequential(nn.Embedding(harness.random.randrange(3, 20), width),
                         Block(width), Block(width))


def run(harness, every):
    with harness.case("a distributed checkpoint"):
        distributed(harness)
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        with harness.case("flat parameters"):
            flat(harness)
        with harness.case("DTensor"):
            dtensor(harness)
    finally:
        dist.destroy_process_group()


def distributed(harness):
    place = harness.fresh()
    parent = os.path.join(place, "checkpoint-10")
    state = model(harness).state_dict()
    saved = os.path.join(parent, "pytorch_model_fsdp_0")
    dcp.save({"model": state}, checkpoint_id=saved, no_dist=True)
    dcp.save({"optimizer": {"step": torch.zeros(1)}}, no_dist=True,
             checkpoint_id=os.path.join(parent, "optimizer_0"))
    piece = next(os.path.join(saved, name) for name in os.listdir(saved)
                 if name.endswith(".distcp"))
    for path in (parent, saved, piece, os.path.join(saved, ".metadata")):
        for command in (["inspect", path], ["check", path], ["diff", path, path],
                        ["convert", path, "-o", os.path.join(place, "out")]):
            result = harness.run(*command)
            harness.equal(result.status, 2, f"{command[0]} refuses it")
            harness.check("torch.distributed.checkpoint" in result.err, "and says what it is",
                          result.err)
    error = harness.run("inspect", parent, "--json").json()["error"]
    fix = shlex.split(error["fix"])
    harness.equal(fix[0], "python", "the command is one of Python")
    subprocess.run([sys.executable, *fix[1:]], cwd=place, check=True, capture_output=True)
    listed = harness.json("inspect", os.path.join(place, fix[-1]))["tensors"]
    harness.equal({t["name"]: (t["dtype"], t["shape"]) for t in listed},
                  {name: (NAMES[tensor.dtype], list(tensor.shape))
                   for name, tensor in state.items()}, "what torch makes of it has the tensors")


def flat(harness):
    wrapped = FullyShardedDataParallel(
        model(harness), auto_wrap_policy=ModuleWrapPolicy({Block}), use_orig_params=False,
        device_id=torch.device("cpu"))
    path = os.path.join(harness.fresh(), "named.bin")
    torch.save({name: tensor.detach() for name, tensor in wrapped.named_parameters()}, path)
    told(harness, path, "unmatched-key", "flat parameters of FSDP", 3)


def dtensor(harness):
    sharded = model(harness)
    for part in [*sharded, sharded]:
        fully_shard(part)
    path = os.path.join(harness.fresh(), "sharded.bin")
    state = sharded.state_dict()
    torch.save(state, path)
    told(harness, path, "unsupported-type", "the file of each rank holds a part", len(state))


def told(harness, path, code, words, count):
    result = harness.run("check", path, "--json")
    harness.equal(result.status, 1, "there is an error")
    found = [finding for finding in result.json()["findings"] if finding["code"] == code]
    harness.equal([finding["severity"] for finding in found], ["error"], "of that code")
    harness.equal([finding["count"] for finding in found], [count], "about the tensors")
    harness.check(all(words in finding["message"] for finding in found), "in words", str(found))
