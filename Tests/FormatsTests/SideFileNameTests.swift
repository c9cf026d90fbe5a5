import OrderedCollections
import TestSupport
import Testing

@testable import Formats

/// What a file states about the files in it is as hostile as the rest of it.
@Suite struct SideFileNameTests {
  static let carried = [
    "config.json", "tokenizer.model", "größe.txt", "modeling_own.py", "a b.txt", "README.md",
    "non_lora_trainables.bin", "mm_projector.bin", "additional_chat_templates/rag.jinja",
    "a..b", "~", String(repeating: "a", count: 255),
  ]

  @Test(arguments: carried) func `the name of a model's file is carried`(_ name: String) {
    #expect(SideFile.isCarried(name))
  }

  static let refused = [
    "", ".", "..", ".hidden", "a/b", "/a", "../a", "a/..", "a\\b", "C:a", "a\0", "a\u{1B}[31m",
    "a\nb", "a\u{202E}b", "a\u{2028}b", String(repeating: "a", count: 256),
    "model.safetensors", "MODEL.SafeTensors", "pytorch_model.bin", "x.pt", "x.pth", "x.ckpt",
    "x.h5",
    "x.HDF5", "x.gguf", "training_args.bin", "MM_PROJECTOR.BIN", "model.safetensors.index.json",
    "X.Index.JSON", "additional_chat_templates/x.py",
    "additional_chat_templates/.jinja", "additional_chat_templates/../x.jinja",
    "additional_chat_templates/a/b.jinja", "other/x.jinja",
  ]

  @Test(arguments: refused)
  func `a name that leads elsewhere or is that of weights is not carried`(_ name: String) {
    #expect(!SideFile.isCarried(name), "\(name)")
  }

  @Test func `a file that carries others under such names says so`() throws {
    let checkpoint = try Checkpoint.open(Fixtures.path("hdf5/carried-files.h5"))
    #expect(
      Set(checkpoint.sideFiles.map(\.name)) == [
        "config.json", "tokenizer.json", "mm_projector.bin", "größe.txt", "empty.txt", "none.txt",
        "additional_chat_templates/rag.jinja",
      ])
    #expect(checkpoint.metadata == ["note": "beside", "weight@unit": "m"])
    let finding = try #require(checkpoint.findings.first)
    #expect(checkpoint.findings.count == 1)
    #expect(finding.severity == .warning)
    #expect(
      finding.message.hasPrefix(
        "carries 20 files under names that are not those of a model's files; they are left out: "))
    for side in checkpoint.sideFiles where side.name.hasSuffix("t") {
      let wanted = side.name == "größe.txt" ? Array("{}".utf8) : []
      #expect(try InputFile(path: side.path).readAll(limit: 10) == wanted)
    }
  }
}
