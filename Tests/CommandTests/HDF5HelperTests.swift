import Foundation
import Testing

@testable import tenon

/// Whatever becomes of the program that links libhdf5 is an ordinary error.
@Suite struct HDF5HelperTests {
  /// A stand-in for it, and what tenon says of that.
  static let cases: [(script: String?, text: String)] = [
    (
      nil,
      "is HDF5, which tenon-hdf5 reads, but that program is not installed beside tenon"
    ),
    ("echo -n /a/weight >&2; kill -SEGV \\$\\$", "(crashed at /a/weight, signal 11)"),
    (
      "echo 'free(): invalid pointer' >&2; echo -n /a/weight >&2; kill -ABRT \\$\\$",
      "(crashed at /a/weight, signal 6: free(): invalid pointer)"
    ),
    ("echo -n /a/weight >&2; kill -ALRM \\$\\$", "(took more than its time at /a/weight)"),
    ("echo -n 'a dataset: no such type' >&2; exit 1", "(a dataset: no such type)"),
    ("exit 7", "(tenon-hdf5 ended with status 7)"),
    ("exit 0", "the answer of tenon-hdf5 is not understood: a record expected, but the data ends"),
    (
      "echo nonsense that is longer than a record",
      "the answer of tenon-hdf5 is not understood: "
    ),
    ("exec sleep 60", "(took more than its time)"),
  ]

  @Test(arguments: cases) func `a helper that fails is told in words`(
    _ row: (script: String?, text: String)
  ) async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/hdf5/floats.h5", as: "x.h5")
    // Another program puts both in place: one that a test has open cannot be run.
    let helper = row.script.map { "printf '#!/bin/sh\\n%s\\n' \"\($0)\" >bin/tenon-hdf5" } ?? ":"
    let script = """
      mkdir bin; cp '\(Sandbox.tool)' bin/tenon; \(helper); chmod +x bin/*
      exec bin/tenon convert x.h5 -o out.safetensors
      """
    let outcome = try await sandbox.run(
      sandbox.configuration(["-c", script], executable: "/bin/sh"))
    let text = outcome.stderr
    #expect(outcome.status == "2")
    #expect(text.hasPrefix("tenon: x.h5: "), "\(text)")
    #expect(text.contains(row.text), "\(text)")
    #expect(!FileManager.default.fileExists(atPath: sandbox.url("out.safetensors").path))
  }

  @Test func `an adapter keeps its configuration through one file of HDF5`() async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/peft/llama-bf16/adapter-plain", as: "adapter")
    for arguments in [
      ["convert", "adapter", "-o", "adapter.h5"], ["convert", "adapter.h5", "-o", "back"],
      ["convert", "adapter", "-o", "packed.h5", "--compress", "zstd"],
      ["remap", "adapter", "--rename", #"\.mlp\.=.ffn."#, "-o", "renamed.h5"],
      ["convert", "renamed.h5", "-o", "renamed"],
    ] {
      let outcome = try await sandbox.tenon(arguments)
      #expect(outcome.status == "0", "\(outcome.stderr)")
    }
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
      #expect(try sandbox.data("back/\(name)") == sandbox.data("adapter/\(name)"))
    }
    #expect(try sandbox.names().contains("renamed/adapter_config.json"))
  }

  @Test(arguments: ["none", "gzip", "zstd:1"])
  func `a compressed file has the size that is told and the bytes of any number of threads`(
    _ way: String
  ) async throws {
    let sandbox = try Sandbox()
    try sandbox.writeZeros(
      [("a", "F16", [700, 1000]), ("b", "BF16", [3, 5, 7]), ("c", "I16", [2_500_000])],
      to: "x.safetensors")
    var files: [Data] = []
    for threads in ["1", "3"] {
      let outcome = try await sandbox.tenon(
        "convert", "x.safetensors", "-o", "\(threads).h5", "--compress", way, "--threads", threads,
        "--json")
      #expect(outcome.status == "0", "\(outcome.stderr)")
      let data = try sandbox.data("\(threads).h5")
      #expect(outcome.stdout.contains("\"bytes\":\(data.count)"), "\(outcome.stdout)")
      files.append(data)
    }
    #expect(files[0] == files[1])
    #expect((files[0].count < 100_000) == (way != "none"))
    let back = try await sandbox.tenon("convert", "3.h5", "-o", "back.safetensors")
    #expect(back.status == "0")
    let same = try await sandbox.tenon("diff", "back.safetensors", "x.safetensors")
    #expect(same.status == "0")
  }

  @Test func `only HDF5 is compressed`() async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/hdf5/floats.h5", as: "x.h5")
    let outcome = try await sandbox.tenon(
      ["convert", "x.h5", "-o", "x.safetensors", "--compress", "gzip"])
    #expect(outcome.status == "2")
    #expect(
      outcome.stderr.hasPrefix(
        "tenon: x.safetensors: is to be safetensors, which --compress does not concern"))
    for wrong in ["gzip:0", "zstd:23", "lz4", "gzip:", "none:1"] {
      let outcome = try await sandbox.tenon(["convert", "x.h5", "-o", "y.h5", "--compress", wrong])
      #expect(outcome.status == "64")
    }
  }
}
