import Foundation
import TestSupport
import Testing

@testable import Formats

@Suite struct PipelineDirectoryTests {
  /// A UNet, a text encoder, a tokenizer and a directory of somebody's own.
  private func pipeline(_ index: String?) throws -> TemporaryDirectory {
    let directory = TemporaryDirectory()
    let tensors = safetensors(
      #"{"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, data: [1, 2])
    for (component, file) in [
      ("unet", "diffusion_pytorch_model.safetensors"), ("unet", "config.json"),
      ("text_encoder", "model.safetensors"), ("tokenizer", "vocab.json"),
      ("samples", "model.safetensors"),
    ] {
      try directory.write(
        file.hasSuffix(".json") ? Array("{}".utf8) : tensors, to: "\(component)/\(file)")
    }
    if let index { try directory.write(index, to: "model_index.json") }
    return directory
  }

  @Test func `a pipeline is one checkpoint of the models that its index names`() throws {
    let directory = try pipeline(
      #"{"_class_name": "P", "text_encoder": ["t", "C"], "tokenizer": ["t", "T"], "unet": ["d", "U"], "vae": [null, null]}"#
    )
    let checkpoint = try Checkpoint.open(directory.path)
    #expect(checkpoint.components == ["text_encoder", "unet"])
    #expect(checkpoint.records.map(\.name) == ["text_encoder.w", "unet.w"])
    #expect(
      checkpoint.shards.map(\.name)
        == ["text_encoder/model.safetensors", "unet/diffusion_pytorch_model.safetensors"])
    #expect(checkpoint.shards.map(\.records) == [0..<1, 1..<2])
    #expect(
      checkpoint.sideFiles.map(\.name)
        == ["model_index.json", "tokenizer/vocab.json", "unet/config.json"])
  }

  @Test func `shards that a model of the pipeline lacks are told with its name`() throws {
    let directory = try pipeline(#"{"text_encoder": ["t", "C"], "unet": ["d", "U"]}"#)
    let weights = "unet/diffusion_pytorch_model.safetensors"
    try FileManager.default.removeItem(atPath: directory.path(weights))
    try directory.write(#"{"weight_map":{"w":"a.safetensors"}}"#, to: "\(weights).index.json")
    let checkpoint = try Checkpoint.open(directory.path, options: .init(listsAbsentShards: true))
    #expect(checkpoint.absentShards.map(\.name) == ["unet/a.safetensors"])
    #expect(checkpoint.absentShards.map(\.tensors) == [["unet.w"]])
  }

  @Test func `without an index nothing says what belongs together`() throws {
    let directory = try pipeline(nil)
    let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(directory.path) }
    #expect(
      error?.message
        == "holds no weights and no model_index.json itself, but weights in 3 directories: "
        + "samples, text_encoder, unet")
    #expect(error?.fix == "name one of them, for example \(directory.path)/samples")
  }

  @Test func `a repository of the cache keeps its files below`() throws {
    let directory = try pipeline(nil)
    try directory.write("{}", to: "snapshots/abc/config.json")
    try directory.write("def", to: "refs/main")
    let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(directory.path) }
    #expect(
      error?.message
        == "is a repository in the cache of huggingface_hub, which keeps the files of 1 revision in a "
        + "directory under snapshots")
    #expect(error?.fix == "name one of them, for example \(directory.path)/snapshots/abc")
  }
}
