import Foundation
import Subprocess
import TestSupport
import Testing

/// Ctrl-C and its kin end a merge as a shell expects and leave nothing.
@Suite(.serialized) struct InterruptionTests {
  /// A matrix of zeros and factors whose product takes ten seconds and more on any machine;
  /// all files are sparse and take no space.
  static let size = 16_384
  static let rank = 2048

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
    (.quit, ["-o", "merged"]),
  ]

  @Test(arguments: cases)
  func `a merge that is interrupted leaves nothing and dies by the signal`(
    signal: Signal, options: [String]
  ) async throws {
    let sandbox = try sandbox()
    let before = try sandbox.names()
    let arguments = ["merge", "base.safetensors", "adapter.safetensors", "--alpha", "1"]
    let result = try await sandbox.tenon(
      arguments + options + ["--threads", "1"], signalledBySomethingNew: signal)
    #expect(result.status == "signal \(signal.rawValue)")
    #expect(result.stderr == "tenon: interrupted; nothing was written\n")
    #expect(try sandbox.names() == before)
    #expect(try sandbox.data("old.safetensors") == Data("old".utf8))
  }
}

extension Sandbox {
  /// Runs the tool, which gets the signal as soon as something appears beside the
  /// inputs: its work has begun.
  ///
  /// A shell watches. A task of this process could find every thread taken by
  /// other tests until the tool has long ended.
  func tenon(_ arguments: [String], signalledBySomethingNew signal: Signal) async throws -> Outcome
  {
    let script = #"""
      signal=$1 tool=$2; shift 2
      ulimit -c 0  # a core would lie beside the inputs
      entries() { ls -A | wc -l; }
      before=$(entries)
      while [ "$(entries)" = "$before" ] && kill -0 $$; do sleep 0.01; done >/dev/null 2>&1 &&
        kill -s "$signal" $$ >/dev/null 2>&1 &
      exec "$tool" "$@"
      """#
    return try await run(
      configuration(
        ["-c", script, "sh", "\(signal.rawValue)", Self.tool] + arguments, executable: "/bin/sh"))
  }

  /// Writes a safetensors file of zeros that takes no space on the disk.
  func writeZeros(_ tensors: [(name: String, type: String, shape: [Int])], to name: String) throws {
    let tensors = tensors.map { tensor in
      (tensor.name, tensor.type, tensor.shape, tensor.shape.reduce(2, *))
    }
    let header = safetensorsHeader(tensors)
    try write(Data(header), to: name)
    let file = try FileHandle(forWritingTo: url(name))
    try file.truncate(atOffset: UInt64(tensors.reduce(header.count) { $0 + $1.3 }))
    try file.close()
  }
}
