import Testing

/// Every command that reads checkpoints takes what an HDF5 file leaves open.
@Suite struct HDF5OptionTests {
  /// The words of a command that reads `two.h5`, in which two datasets have one name.
  static let readers: [[String]] = [
    ["inspect", "two.h5"], ["convert", "two.h5", "-o", "out.safetensors"],
    ["remap", "two.h5", "--rename", "x=y", "--dry-run"],
    ["remap", "two.h5", "--rename", "x=y", "-o", "out.h5"],
    ["remap", "one.h5", "--to-match", "two.h5", "--dry-run"],
    ["diff", "one.h5", "two.h5"], ["diff", "two.h5", "one.h5"], ["check", "two.h5"],
    ["check", "one.h5", "--base", "two.h5"], ["check", "one.h5", "--expect", "two.h5"],
    ["merge", "two.h5", "one.h5", "-o", "out"], ["merge", "one.h5", "two.h5", "-o", "out"],
    ["merge", "two.h5", "-o", "out"], ["verify", "two.h5", "one.h5", "--merged", "one.h5"],
    ["verify", "adapted.safetensors", "adapter", "--merged", "two.h5"],
  ]

  @Test(arguments: readers) func `each command takes what joins groups and names`(
    _ arguments: [String]
  ) async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/hdf5/ambiguous-names.h5", as: "two.h5")
    try sandbox.copy("fixtures/hdf5/floats.h5", as: "one.h5")
    try sandbox.copy(
      "fixtures/peft/llama-bf16/base/model.safetensors", as: "adapted.safetensors")
    try sandbox.copy("fixtures/peft/llama-bf16/adapter-plain", as: "adapter")
    let refusal = "is the name of two datasets"
    let refused = try await sandbox.tenon(arguments)
    #expect(refused.status == "2")
    #expect(refused.stderr.contains(refusal), "\(refused.stderr)")
    #expect(
      refused.stderr.contains("choose what joins groups and names with --hdf5-separator"))
    let read = try await sandbox.tenon(arguments + ["--hdf5-separator", "/"])
    #expect(read.status != "64", "\(read.stderr)")
    #expect(!read.stderr.contains(refusal), "\(read.stderr)")
  }

  /// Commands that cannot work with data of a type that the file keeps to itself.
  static let users: [[String]] = [
    ["convert", "opaque.h5", "-o", "out.safetensors"],
    ["remap", "opaque.h5", "--rename", "weight=w", "-o", "out.h5"],
    ["diff", "opaque.h5", "told.safetensors", "--ignore-dtype"],
    ["diff", "told.safetensors", "opaque.h5", "--ignore-dtype"],
  ]

  @Test(arguments: users) func `an error that advises to assume a type can be heeded`(
    _ arguments: [String]
  ) async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/hdf5/opaque-unmarked.h5", as: "opaque.h5")
    let told = try await sandbox.tenon(
      "convert", "opaque.h5", "-o", "told.safetensors", "--assume", "BF16")
    #expect(told.status == "0", "\(told.stderr)")
    let refused = try await sandbox.tenon(arguments)
    #expect(refused.status == "2", "\(refused.stdout)")
    #expect(
      refused.stderr.contains("say what it is with --assume, which takes a type of 16 bits"),
      "\(refused.stderr)")
    let done = try await sandbox.tenon(arguments + ["--assume", "BF16"])
    #expect(done.status == "0", "\(done.stderr)")
    let wrong = try await sandbox.tenon(arguments + ["--assume", "F4"])
    #expect(wrong.status == "64")
  }

  /// Ways to leave an option's value that no command takes, and what is said of each.
  static let wrong: [(words: [String], text: String)] = [
    (
      ["--assume", "F32", "--assume", "BF16", "--assume", "I32"],
      "--assume I32: F32 has 32 bits as well; expected one type a width"
    ),
    (["--assume", "F6_E2M3"], "The value 'F6_E2M3' is invalid for '--assume <type>'"),
    (["--compress", "gzip:0"], "expected a level of gzip from 1 to 9"),
    (["--compress", "gzip:ten"], "expected a level of gzip from 1 to 9"),
    (["--compress", "zstd:23"], "expected a level of zstd from 1 to 22"),
    (["--compress", "lz4"], "expected gzip, zstd or none"),
  ]

  @Test(arguments: wrong) func `a value that is wrong says what is right`(
    _ row: (words: [String], text: String)
  ) async throws {
    let outcome = try await Sandbox().tenon(["convert", "x.h5", "-o", "y.h5"] + row.words)
    #expect(outcome.status == "64")
    #expect(outcome.stderr.contains(row.text), "\(outcome.stderr)")
    #expect(!outcome.stderr.contains("F4,"), "\(outcome.stderr)")
  }

  @Test func `each width of opaque data has its type`() async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/hdf5/opaque-unmarked.h5", as: "opaque.h5")
    let outcome = try await sandbox.tenon(
      "convert", "opaque.h5", "-o", "out.safetensors", "--assume", "F32", "--assume", "bf16")
    #expect(outcome.status == "0", "\(outcome.stderr)")
  }

  @Test func `a renamed checkpoint is compressed as a converted one`() async throws {
    let sandbox = try Sandbox()
    try sandbox.writeZeros([("a", "F16", [700, 1000])], to: "x.safetensors")
    for arguments in [
      ["remap", "x.safetensors", "--rename", "a=b", "-o", "x.h5", "--compress", "gzip:9"],
      ["convert", "x.safetensors", "-o", "y.h5", "--compress", "gzip:9"],
    ] {
      let outcome = try await sandbox.tenon(arguments)
      #expect(outcome.status == "0", "\(outcome.stderr)")
    }
    #expect(try sandbox.data("x.h5").count == sandbox.data("y.h5").count)
    let same = try await sandbox.tenon("diff", "x.safetensors", "x.h5", "--rename", "a=b")
    #expect(same.status == "0", "\(same.stdout)")
    for output in ["z.safetensors", "z"] {
      let refused = try await sandbox.tenon(
        "remap", "x.safetensors", "--rename", "a=b", "-o", output, "--compress", "gzip")
      #expect(refused.status == "2")
      #expect(
        refused.stderr == """
          tenon: \(output): is to be safetensors, which --compress does not concern
          tenon: try: leave out --compress, or choose a name that ends in .h5

          """)
    }
  }
}
