import Foundation
import TestSupport
import Testing

@testable import Formats

/// Weights of another precision, as transformers and diffusers name them.
@Suite struct WeightVariantTests {
  private let directory: TemporaryDirectory

  init() throws { directory = TemporaryDirectory() }

  private func write(_ tensor: String, to name: String) throws {
    let header = #"{"\#(tensor)":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
    try Data(safetensors(header, data: [7])).write(to: URL(filePath: directory.path(name)))
  }

  private func writeIndex(_ name: String, _ map: [String: String]) throws {
    try JSONEncoder().encode(["metadata": [:], "weight_map": map])
      .write(to: URL(filePath: directory.path(name)))
  }

  private static let note =
    "the weights are the variant \"fp16\", and no plain ones lie beside them: transformers and "
    + "diffusers load them with variant=\"fp16\" alone"

  static let forms: [(index: String, shard: String)] = [
    ("model.safetensors.index.fp16.json", "model.fp16-00001-of-00001.safetensors"),
    (
      "diffusion_pytorch_model.safetensors.index.fp16.json",
      "diffusion_pytorch_model.fp16-00001-of-00001.safetensors"
    ),
    (
      "diffusion_pytorch_model.safetensors.fp16.index.json",
      "diffusion_pytorch_model-00001-of-00001.fp16.safetensors"
    ),
  ]

  @Test(arguments: forms) func `the shards of the only variant are the weights`(
    _ index: String, _ shard: String
  ) throws {
    try write("a", to: shard)
    try writeIndex(index, ["a": shard])
    let checkpoint = try Checkpoint.open(directory.path)
    #expect(checkpoint.shards.map(\.name) == [shard])
    #expect(checkpoint.sideFiles.isEmpty)
    #expect(checkpoint.findings.map(\.message) == [Self.note])
    #expect(checkpoint.findings.map(\.severity) == [.note])
    #expect(Checkpoint.index(in: directory.path) == directory.path(index))
  }

  @Test func `shards of a variant are read without an index, and told`() throws {
    try write("a", to: "model.fp16-00001-of-00002.safetensors")
    try write("b", to: "model.fp16-00002-of-00002.safetensors")
    let checkpoint = try Checkpoint.open(directory.path)
    #expect(checkpoint.records.map(\.name) == ["a", "b"])
    #expect(checkpoint.findings.map(\.code) == [.indexMismatch, .weightVariant])
  }

  @Test func `plain weights win over variants`() throws {
    try write("a", to: "model.safetensors")
    try write("b", to: "model.fp16.safetensors")
    try write("c", to: "model.bf16-00001-of-00001.safetensors")
    let checkpoint = try Checkpoint.open(directory.path)
    #expect(checkpoint.records.map(\.name) == ["a"])
    #expect(checkpoint.findings.map(\.code) == [.duplicateWeights])
  }

  @Test func `several variants without plain weights are named and refused`() throws {
    try write("a", to: "model.fp16.safetensors")
    try write("a", to: "model.bf16-00001-of-00001.safetensors")
    try writeIndex(
      "model.safetensors.index.bf16.json", ["a": "model.bf16-00001-of-00001.safetensors"])
    let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(directory.path) }
    #expect(error?.message == #"holds 2 variants of its weights and no plain ones: "bf16", "fp16""#)
    let index = directory.path("model.safetensors.index.bf16.json")
    #expect(error?.fix == "name one of them, for example \(index)")
  }

  @Test func `an index of another name says what belongs together`() throws {
    try write("a", to: "model.left.safetensors")
    try write("b", to: "model.right.safetensors")
    try writeIndex(
      "whole.safetensors.index.json",
      ["a": "model.left.safetensors", "b": "model.right.safetensors"])
    let checkpoint = try Checkpoint.open(directory.path)
    #expect(checkpoint.records.map(\.name) == ["a", "b"])
    #expect(checkpoint.findings.isEmpty)
  }
}
