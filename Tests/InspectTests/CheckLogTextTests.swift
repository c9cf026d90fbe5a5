import Testing

@testable import Inspect

/// What happens to a log between the program that wrote it and the reader.
@Suite struct CheckLogTextTests {
  static let torch = """
    RuntimeError: Error(s) in loading state_dict for PeftModel:
    \tMissing key(s) in state_dict: "model.norm.weight", "lm_head.weight".\u{20}
    \tUnexpected key(s) in state_dict: "module.norm.weight".\u{20}
    \tsize mismatch for base_model.model.model.embed_tokens.weight: copying a param with shape \
    torch.Size([32001, 4096]) from checkpoint, the shape in current model is \
    torch.Size([32000, 4096]).
    """

  private static func wrapped(_ text: String, at width: Int) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      var lines: [Substring] = []
      var rest = line
      while rest.count > width {
        lines.append(rest.prefix(width))
        rest = rest.dropFirst(width)
      }
      return (lines + [rest]).joined(separator: "\n")
    }.joined(separator: "\n")
  }

  private static func json(_ text: String) -> String {
    #"{"level": "error", "msg": ""#
      + text.replacing("\\", with: #"\\"#).replacing("\"", with: #"\""#)
      .replacing("\n", with: #"\n"#).replacing("\t", with: #"\t"#) + #""}"#
  }

  /// A line of the log to a line of JSON, as Docker's json-file has them.
  private static func docker(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      record("log", "\(line)\n")
    }.joined(separator: "\n")
  }

  private static func record(_ member: String, _ text: String) -> String {
    let text = text.replacing("\\", with: #"\\"#).replacing("\"", with: #"\""#)
      .replacing("\n", with: #"\n"#).replacing("\t", with: #"\t"#)
    return "{\"\(member)\":\"\(text)\",\"stream\":\"stderr\"}"
  }

  /// Docker cuts lines of 16 KiB.
  private static func cutDocker(_ text: String) -> String {
    docker(text).replacing("lm_", with: "lm_\",\"stream\":\"stderr\"}\n{\"log\":\"")
  }

  /// In a frame of rich, which breaks lines between words, and words that are too long.
  private static func boxed(_ text: String, at width: Int, bar: String = "│") -> String {
    var lines = ["╭\(String(repeating: "─", count: width + 2))╮"]
    for line in text.replacing("\t", with: "        ").split(separator: "\n") {
      var rest = line
      while !rest.isEmpty {
        var part = rest.prefix(width)
        if part.count < rest.count, rest.dropFirst(width).first != " ",
          let space = part.lastIndex(of: " "), part[..<space].contains(where: { $0 != " " })
        {
          part = part[..<space]
        }
        rest = rest[part.endIndex...].drop { $0 == " " }
        let filled = part + String(repeating: " ", count: width - part.count)
        lines.append("\(bar) \(filled) \(bar)")
      }
    }
    return (lines + ["╰\(String(repeating: "─", count: width + 2))╯"]).joined(separator: "\n")
  }

  static let disguises: [(name: String, text: String)] =
    [
      ("as it was", torch),
      ("of Windows", torch.replacing("\n", with: "\r\n")),
      ("of a progress bar", torch.replacing("\n", with: "\rLoading: 10%\r")),
      (
        "with colours and a link",
        "\u{1B}[1;31m" + torch.replacing("\"", with: "\"\u{1B}[0m")
          + "\u{1B}]8;;https://x\u{07}help\u{1B}]8;;\u{07}"
      ),
      ("as a member of JSON", json(torch)),
      ("as a member of a member of JSON", json(json(torch))),
      ("line by line in JSON", docker(torch)), ("in JSON with a line cut", cutDocker(torch)),
      (
        "by torchrun",
        torch.split(separator: "\n").map { "[rank0]: \($0)" }.joined(separator: "\n")
      ),
      (
        "with the time",
        torch.split(separator: "\n").map { "2026-01-02 03:04:05,678 ERROR x.py:12 \($0)" }
          .joined(separator: "\n")
      ),
      ("from a word processor", torch.replacing("\"", with: "”")),
      ("in a frame of heavy lines", boxed(torch, at: 60, bar: "┃")),
      (
        "in a frame on a rank",
        boxed(torch, at: 50).split(separator: "\n").map { "[rank0]: \($0)" }
          .joined(separator: "\n")
      ),
    ] + (40...120).map { ("broken at \($0)", wrapped(torch, at: $0)) }
    + (30...120).map { ("in a frame of \($0)", boxed(torch, at: $0)) }

  @Test(arguments: disguises)
  func `reads what was done to a log`(name: String, text: String) {
    let log = LoadLog(text)
    #expect(log.load.missing == ["model.norm.weight", "lm_head.weight"])
    #expect(log.load.unexpected == ["module.norm.weight"])
    #expect(
      log.load.mismatched == [
        StrictLoad.Mismatch(
          "base_model.model.model.embed_tokens.weight", expected: [32000, 4096],
          found: [32001, 4096])
      ])
    #expect(!log.isCut)
  }

  @Test func `frames beside each other are texts of their own`() {
    let text = Self.boxed(#"Missing key(s) in state_dict: "a.b","#, at: 36)
    let other = Self.boxed(#""c.d". "#, at: 30)
    #expect(LogText.plain("\(text)\n\(other)").split(separator: "\n").count == 2)
    // A bar alone is no frame, nor is one of another kind.
    for line in ["│ a", "a │ b", "│ a ┃", "│"] { #expect(LogText.plain(line) == line) }
  }

  static let table = """
    LlamaForCausalLM LOAD REPORT from: ./out
    Key                                   | Status     |                    |\u{20}
    --------------------------------------+------------+--------------------+-
    model.layers.{0, 1}.mlp.gate.weight   | UNEXPECTED |                    |\u{20}
    lm_head.weight                        | MISSING    |\u{20}
    model.layers.{0...2}.self_attn.x_proj | MISSING    |\u{20}
    model.embed_tokens.weight             | MISMATCH   | Reinit due to size mismatch - ckpt: \
    torch.Size([65, 32]) vs model:torch.Size([64, 32])
    """

  private static let tableLines = table.split(separator: "\n").map(String.init)

  private static func eachLine(_ change: (String) -> String) -> String {
    tableLines.map(change).joined(separator: "\n")
  }

  static let tables: [(name: String, text: String)] =
    [
      ("as it was", table),
      ("by torchrun", eachLine { "[rank1]: \($0)" }),
      ("of a container", eachLine { "app-1  | \($0)" }),
      ("as a member of JSON", json(table)),
      ("line by line in JSON", docker(table)),
      ("in JSON with a line cut", cutDocker(table)),
      ("as messages in JSON", eachLine { record("message", $0) }),
      ("in a frame", boxed(table, at: 140)),
    ] + brokenTables

  private static let brokenTables = [40, 50, 60, 80].map { width -> (name: String, text: String) in
    ("broken at \(width)", wrapped(table, at: width))
  }

  @Test(arguments: tables)
  func `reads what was done to a table`(name: String, text: String) {
    let load = LoadLog(text).load
    #expect(
      load.missing == ["lm_head.weight"] + (0...2).map { "model.layers.\($0).self_attn.x_proj" })
    #expect(load.unexpected == (0...1).map { "model.layers.\($0).mlp.gate.weight" })
    #expect(
      load.mismatched == [
        StrictLoad.Mismatch("model.embed_tokens.weight", expected: [64, 32], found: [65, 32])
      ])
  }

  @Test(arguments: [
    (#"Missing key(s) in state_dict: "a.b", "c.d", …, "y.z"."#, ["a.b", "c.d", "y.z"], true),
    (#"Missing key(s) in state_dict: "a.b", "c.d", ... "#, ["a.b", "c.d"], true),
    (#"Missing key(s) in state_dict: "a.b", "c.…"#, ["a.b"], true),
    (#"Missing key(s) in state_dict: "a.b", "c.d…", "y.z"."#, ["a.b"], true),
    (
      "Missing key(s) in state_dict: \"a.b\", \"c\n\tUnexpected key(s) in state_dict: \"x\".",
      ["a.b"], true
    ),
    (#"Missing key(s) in state_dict: "a.b", "#, ["a.b"], true),
    (#"Missing key(s) in state_dict: "a.b", "c.d""#, ["a.b", "c.d"], true),
    (#"Missing key(s) in state_dict: "a.b", "c.d". "#, ["a.b", "c.d"], false),
    (
      "missing_keys=['lora_A.my adapter.weight', 'b'], unexpected_keys=[]",
      ["lora_A.my adapter.weight", "b"], false
    ),
  ])
  func `tells where a list was cut`(text: String, names: [String], isCut: Bool) {
    let log = LoadLog(text)
    #expect(log.load.missing == names)
    #expect(log.isCut == isCut)
  }

  @Test(arguments: [
    (
      "Error(s) in x: it broke\nValueError: no such thing: 3\n  at line 4",
      "ValueError: no such thing: 3"
    ),
    (
      "[rank0]: torch.cuda.OutOfMemoryError: CUDA out of memory.",
      "[rank0]: torch.cuda.OutOfMemoryError: CUDA out of memory."
    ),
    ("all went well: 3", nil),
  ])
  func `finds the error of what it does not understand`(text: String, error: String?) {
    let log = LoadLog(text)
    #expect(log.isEmpty)
    #expect(log.lastError == error)
  }
}
