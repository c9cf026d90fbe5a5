import Foundation
import Testing

@testable import Formats

@Suite struct PipelineDirectoryTests {
  /// A UNet, a text encoder, a tokenizer and a directory of somebody's own.
  private func pipeline(_ index: String?) throws -> String {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "tenon-pipeline-\(UInt64.random(in: 0 ..< .max))")
    let tensors = safetensors(
      #"{"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, data: [1, 2])
    for (component, file) in [
      ("unet", "diffusion_pytorch_model.safetensors"), ("unet", "config.json"),
      ("text_encoder", "model.safetensors"), ("tokenizer", "vocab.json"),
      ("samples", "model.safetensors"),
    ] {
      let inner = folder.appending(path: component)
      try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
      let data = file.hasSuffix(".json") ? Data("{}".utf8) : Data(tensors)
      try data.write(to: inner.appending(path: file))
    }
    if let index { try Data(index.utf8).write(to: folder.appending(path: "model_index.json")) }
    return folder.path
  }

  @Test func `a pipeline is one checkpoint of the models that its index names`() throws {
    let path = try pipeline(
      #"{"_class_name": "P", "text_encoder": ["t", "C"], "tokenizer": ["t", "T"], "unet": ["d", "U"], "vae": [null, null]}"#
    )
    defer { try? FileManager.default.removeItem(atPath: path) }
    let checkpoint = try Checkpoint.open(path)
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
    let path = try pipeline(#"{"text_encoder": ["t", "C"], "unet": ["d", "U"]}"#)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let unet = URL(filePath: path).appending(path: "unet")
    let weights = "diffusion_pytorch_model.safetensors"
    try FileManager.default.removeItem(at: unet.appending(path: weights))
    try Data(#"{"weight_map":{"w":"a.safetensors"}}"#.utf8)
      .write(to: unet.appending(path: weights + ".index.json"))
    let checkpoint = try Checkpoint.open(path, options: .init(listsAbsentShards: true))
    #expect(checkpoint.absentShards.map(\.name) == ["unet/a.safetensors"])
    #expect(checkpoint.absentShards.map(\.tensors) == [["unet.w"]])
  }

  @Test func `without an index nothing says what belongs together`() throws {
    let path = try pipeline(nil)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
    #expect(
      error?.message
        == "holds no weights and no model_index.json itself, but weights in 3 directories: "
        + "samples, text_encoder, unet")
    #expect(error?.fix == "name one of them, for example \(path)/samples")
  }
}
