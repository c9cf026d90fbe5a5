import Foundation
import Testing

@testable import Formats

@Suite struct PipelineDirectoryTests {
  @Test func `a pipeline is refused with the names of its components`() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "tenon-pipeline-\(UInt64.random(in: 0 ..< .max))")
    defer { try? FileManager.default.removeItem(at: folder) }
    for (component, file) in [
      ("unet", "diffusion_pytorch_model.safetensors"),
      ("text_encoder", "model.safetensors.index.json"), ("tokenizer", "vocab.json"),
    ] {
      let inner = folder.appending(path: component)
      try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
      try Data("{}".utf8).write(to: inner.appending(path: file))
    }
    let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(folder.path) }
    #expect(
      error?.message == "holds no weights itself, but those of 2 components: text_encoder, unet")
    #expect(error?.fix == "name one of them, for example \(folder.path)/text_encoder")
  }
}
