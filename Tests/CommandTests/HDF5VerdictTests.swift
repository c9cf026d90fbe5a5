import Foundation
import Testing

@testable import tenon

/// Nothing of an HDF5 file is lost unseen: what commands say of datasets that they cannot
/// take, and of those that nobody means.
@Suite struct HDF5VerdictTests {
  static let cases: [(arguments: [String], status: String, text: String)] = [
    (
      ["check", "unsupported-numbers.h5"], "1",
      #""twelve-bits" is left out, as no tensor can be of its type"#
    ),
    (
      ["inspect", "unsupported-numbers.h5"], "0",
      #""swapped" is left out, as no tensor can be of its type (compound of i, r)"#
    ),
    (
      ["convert", "unsupported-numbers.h5", "-o", "out.safetensors"], "0",
      #"tenon: warning: "extended" is left out"#
    ),
    (
      ["remap", "unsupported-numbers.h5", "-o", "out.safetensors", "--rename", "weight=w"], "0",
      #"tenon: warning: "extended" is left out"#
    ),
    (["diff", "unsupported-numbers.h5", "unsupported-numbers.h5"], "0", "the same: 8 tensors"),
    (
      ["diff", "unsupported-numbers.h5", "custom-floats.h5"], "1",
      "integer of 12 bits in 2 bytes  [3, 2]"
    ),
    (
      ["convert", "custom-floats.h5", "-o", "out.bin"], "2",
      "tensor \"bias\": is float(4 bytes, 8 exponent bits, bias 120)"
    ),
    (
      ["convert", "custom-floats.h5", "-o", "out.safetensors"], "2",
      "tensor \"bias\": is float(4 bytes, 8 exponent bits, bias 120)"
    ),
    (
      ["convert", "custom-floats.h5", "-o", "out.h5"], "2",
      "tensor \"bias\": is float(4 bytes, 8 exponent bits, bias 120)"
    ),
    (
      ["inspect", "deep-groups.h5"], "0",
      "cannot be read: it lies more than 64 groups deep"
    ),
    (
      ["convert", "deep-groups.h5", "-o", "out.safetensors"], "2",
      "has no data in its file (unreadable: it lies more than 64 groups deep)"
    ),
    (["convert", "deep-groups.h5", "-o", "out.safetensors", "--exclude", "g.**"], "0", "1 tensor"),
    (
      ["check", "float4-without-shape.h5"], "1",
      #""packed" cannot be read: is F4 in bytes, but has no attribute "shape""#
    ),
    (["inspect", "shape-bomb.h5"], "0", "4.40 TB"),
    (
      ["convert", "shape-bomb.h5", "-o", "out.safetensors"], "2",
      "claims 4398046511104 bytes, of which 4089 are stored; that is hardly meant"
    ),
    (
      ["inspect", "--stats", "shape-bomb-empty.h5"], "2",
      "claims 4398046511104 bytes, of which 0 are stored; that is hardly meant"
    ),
  ]

  @Test(arguments: cases) func `what is not taken is told`(
    _ row: (arguments: [String], status: String, text: String)
  ) async throws {
    let sandbox = try Sandbox()
    for name in row.arguments where name.hasSuffix(".h5") && name != "out.h5" {
      guard !FileManager.default.fileExists(atPath: sandbox.url(name).path) else { continue }
      try sandbox.copy("fixtures/hdf5/\(name)", as: name)
    }
    let outcome = try await sandbox.tenon(row.arguments)
    #expect(outcome.status == row.status, "\(outcome.stderr)")
    let told = outcome.stdout + outcome.stderr
    #expect(told.contains(row.text), "\(told)")
  }

  static let redirections: [(words: String, status: String)] = [
    ("0<&-", "0"), ("2>&-", "0"), ("0<&- 2>&-", "0"), ("1>&-", "2"), ("0<&- 1>&- 2>&-", "2"),
  ]

  @Test(arguments: redirections) func `a file is read whatever is closed`(
    _ row: (words: String, status: String)
  ) async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/hdf5/floats.h5", as: "x.h5")
    let outcome = try await sandbox.tenon(["convert", "x.h5", "-o", "expected.safetensors"])
    #expect(outcome.status == "0")
    let script = "exec '\(Sandbox.tool)' convert x.h5 -o out.safetensors \(row.words)"
    let closed = try await sandbox.run(
      sandbox.configuration(["-c", script], executable: "/bin/sh"))
    // The file is written before its report cannot be.
    #expect(closed.status == row.status)
    #expect(try sandbox.data("out.safetensors") == sandbox.data("expected.safetensors"))
  }
}
