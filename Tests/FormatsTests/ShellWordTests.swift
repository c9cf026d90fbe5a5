import Testing

@testable import Formats

@Suite struct ShellWordTests {
  @Test(arguments: [
    ("a/b-c.safetensors", "a/b-c.safetensors"), ("-dash", "./-dash"), ("--force", "./--force"),
    ("a b", "'a b'"), ("- b", "'./- b'"), ("it's", #"'it'\''s'"#), ("", "''"),
    ("$HOME `x`", "'$HOME `x`'"), ("模型", "'模型'"),
  ])
  func `a path can be pasted`(path: String, word: String) {
    #expect(shellQuoted(path) == word)
  }

  @Test(arguments: [("-a=b", "-a=b"), ("^x\\.=", "'^x\\.='"), ("*.bias", "'*.bias'")])
  func `a text is only quoted`(text: String, word: String) {
    #expect(shellWord(text) == word)
  }

  @Test(arguments: [
    ("tenon merge a -o b", true), ("mkdir -p a", true), ("git lfs pull", true),
    ("add --force to replace it", false), ("name one of them, for example a", false),
    ("tenon convert a -o plain, and this with plain", false), ("fetch a again", false),
    ("make install", true), ("tenonx", false),
  ])
  func `advice is no command`(fix: String, isCommand: Bool) {
    #expect(Formats.isCommand(fix) == isCommand)
  }
}
