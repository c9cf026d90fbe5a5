import Foundation
import Subprocess
import Testing

/// Ctrl-C and its kin end a merge as a shell expects and leave nothing.
@Suite(.serialized) struct InterruptionTests {
  /// A matrix of zeros and factors whose product takes seconds on any machine;
  /// all files are sparse and take no space.
  static let size = 16_384
  static let rank = 512

  private func sandbox() throws -> Sandbox {
    let sandbox = try Sandbox()
    let (size, rank) = (Self.size, Self.rank)
    try sandbox.writeZeros([("layer.weight", "BF16", [size, size])], to: "base.safetensors")
    try sandbox.writeZeros(
      [
        ("base_model.model.layer.lora_A.weight", "BF16", [rank, size]),
        ("base_model.model.layer.lora_B.weight", "BF16", [size, rank]),
      ], to: "adapter.safetensors")
    try sandbox.write(Data("old".utf8), to: "old.safetensors")
    return sandbox
  }

  static let cases: [(signal: Signal, options: [String])] = [
    (.interrupt, ["-o", "merged"]),
    (.interrupt, ["-o", "merged.safetensors"]),
    (.terminate, ["-o", "old.safetensors", "--force"]),
    (.terminalClosed, ["-o", "merged", "--json"]),
  ]

  @Test(arguments: cases)
  func `a merge that is interrupted leaves nothing and dies by the signal`(
    signal: Signal, options: [String]
  ) async throws {
    let sandbox = try sandbox()
    let before = try sandbox.names()
    let arguments = ["merge", "base.safetensors", "adapter.safetensors", "--alpha", "1"]
    let result = try await Subprocess.run(
      sandbox.configuration(arguments + options + ["--threads", "1"]), input: .none,
      output: .string(limit: Sandbox.outputLimit), error: .string(limit: Sandbox.outputLimit)
    ) { execution in
      // Work has begun when something appears beside the inputs; if nothing ever
      // does, the tool has failed, and the status says so.
      for _ in 0..<60_000 {
        guard try sandbox.names() == before else { break }
        try await Task.sleep(for: .milliseconds(1))
      }
      try execution.send(signal: signal)
    }
    #expect(result.terminationStatus == .signaled(signal.rawValue))
    #expect(result.standardError == "tenon: interrupted; nothing was written\n")
    #expect(try sandbox.names() == before)
    #expect(try sandbox.data("old.safetensors") == Data("old".utf8))
  }
}

extension Sandbox {
  /// Writes a safetensors file of zeros that takes no space on the disk.
  func writeZeros(_ tensors: [(name: String, type: String, shape: [Int])], to name: String) throws {
    let tensors = tensors.map { tensor in
      (tensor.name, tensor.type, tensor.shape, tensor.shape.reduce(2, *))
    }
    let header = safetensorsHeader(tensors)
    try write(header, to: name)
    let file = try FileHandle(forWritingTo: url(name))
    try file.truncate(atOffset: UInt64(tensors.reduce(header.count) { $0 + $1.3 }))
    try file.close()
  }
}
