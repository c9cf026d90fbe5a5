/// The text of a failed load taken apart: the keys that it names, and known sentences.
///
/// Torch, PEFT, transformers (the sentences of version 4, the table of version 5) and
/// diffusers are understood, also where a terminal broke lines or the text was cut.
struct LoadLog {
  /// What the lists are about.
  enum Subject: Hashable, Sendable {
    /// A model that was given a state dict.
    case model
    /// An adapter that was put onto a model.
    case adapter
  }

  /// What made the lists.
  enum Loader: Hashable, Sendable {
    /// `load_state_dict` of torch, which knows of no tied parameters.
    case torch
    /// `from_pretrained`, which names only what it could not fill.
    case transformers
  }

  var load = StrictLoad()
  var subjects: Set<Subject> = []
  var loader = Loader.torch
  /// Whether names were given as patterns, which stand for more than was said.
  var isFolded = false
  /// Whether a list ends before its end.
  private(set) var isCut = false
  /// Whether it is what a load that is not strict gave back: of an adapter's success it says
  /// that all keys of the base are missing.
  let isResult: Bool
  /// Keys at each of which a program stopped, which either side may have lacked.
  private(set) var firstKeys: [String] = []
  /// What is known of the sentences that it holds, in the order of the table.
  let failures: [KnownFailure]
  /// The parts of a pipeline for which diffusers found nothing.
  let unusedComponents: [String]
  /// The last line that tells of an error, to say what was not understood.
  let lastError: String?

  /// Whether there is anything in it that can be explained.
  var isEmpty: Bool {
    load.isClean && firstKeys.isEmpty && failures.isEmpty && unusedComponents.isEmpty
  }

  /// Whether the model may have more keys than those that it names. Of a list of missing keys
  /// alone nothing tells whether the model took all others, or only the first paragraph of what
  /// torch printed was copied.
  var isPartial: Bool {
    isCut || !firstKeys.isEmpty
      || loader == .torch && subjects == [.model] && load.unexpected.isEmpty
        && load.mismatched.isEmpty
  }

  init(_ text: String) {
    let text = LogText.plain(text)
    let search = LogSearch(text)
    failures = KnownFailure.found(in: search)
    isResult = search.contains("_IncompatibleKeys(")
    unusedComponents = UnusedComponents.prefixes(in: text)
    lastError = Self.lastError(in: text)
    for phrase in Self.phrases where search.contains(phrase.text) { read(phrase, in: text) }
    readMismatches(text, search)
    firstKeys = search.contains(Self.keyError) ? Self.firstKeys(in: text) : []
    // Only a model that PEFT has wrapped looks for such.
    if firstKeys.contains(where: { $0.hasPrefix("base_model.model.") }) {
      subjects.insert(.adapter)
    }
    if search.contains("LOAD REPORT") || search.contains("| Status") { readTable(text) }
    if load.isClean { readPair(text) }
    load.missing = Self.distinct(load.missing)
    load.unexpected = Self.distinct(load.unexpected)
    load.mismatched = Self.distinct(load.mismatched)
    // PEFT calls missing what it left out for its shape.
    let mismatched = Set(load.mismatched.map(\.name))
    load.missing.removeAll { mismatched.contains($0) }
  }

  private mutating func read(_ phrase: Phrase, in text: String) {
    var rest = text[...]
    while let range = rest.firstRange(of: phrase.text) {
      rest = rest[range.upperBound...]
      let list = phrase.names(rest)
      guard !list.names.isEmpty else { continue }
      isCut = isCut || list.isCut
      subjects.insert(phrase.subject)
      switch phrase.list {
      case .missing:
        load.missing += list.names
        loader = phrase.loader
      case .unexpected: load.unexpected += list.names
      }
    }
  }

  /// As Python prints the end of a traceback.
  private static func lastError(in text: String) -> String? {
    text.split(whereSeparator: \.isNewline).last { line in
      line.split(separator: " ").contains { $0.hasSuffix("Error:") || $0.hasSuffix("Exception:") }
    }.map { String($0.drop { $0.isWhitespace }.prefix(200)) }
  }

  private struct Phrase: Sendable {
    enum List: Sendable { case missing, unexpected }
    let text: String
    let list: List
    let subject: Subject
    let loader: Loader
    let names: @Sendable (Substring) -> NameList

    init(
      _ text: String, _ list: List, _ subject: Subject = .model, by loader: Loader = .torch,
      _ names: @escaping @Sendable (Substring) -> NameList = { LoadLog.names($0) }
    ) {
      self.text = text
      self.list = list
      self.subject = subject
      self.loader = loader
      self.names = names
    }
  }

  private static let phrases = [
    Phrase("Missing key(s) in state_dict:", .missing),
    Phrase("Unexpected key(s) in state_dict:", .unexpected),
    Phrase("missing_keys=", .missing),
    Phrase("unexpected_keys=", .unexpected),
    Phrase("issing keys:", .missing),
    Phrase("nexpected keys:", .unexpected),
    Phrase("issing_keys:", .missing),
    Phrase("nexpected_keys:", .unexpected),
    // The first releases of torch told of one key at a time.
    Phrase("unexpected key \"", .unexpected) { LoadLog.nameBeforeQuote($0) },
    // Distributed checkpoints.
    Phrase("Missing key in checkpoint state_dict:", .missing) { LoadLog.bareNames($0) },
    Phrase("missing keys in the checkpoint model loaded:", .missing),
    Phrase("unexpected keys in the checkpoint model loaded:", .unexpected),
    Phrase("Found missing adapter keys while loading the checkpoint:", .missing, .adapter),
    Phrase("are newly initialized:", .missing, by: .transformers),
    Phrase(" when initializing ", .unexpected, by: .transformers) { LoadLog.namesAfterColon($0) },
    Phrase("unexpected keys found in the model:", .unexpected, .adapter) { LoadLog.bareNames($0) },
    Phrase("did not succeed, unexpected keys found:", .unexpected, .adapter) {
      LoadLog.bareNames($0)
    },
    // Diffusers up to 0.31, and transformers 4.
    Phrase("unexpected keys not found in the model:", .unexpected, .adapter),
    Phrase("missing keys in the model:", .missing, .adapter) { LoadLog.bareNames($0) },
    Phrase("because the following keys are missing:", .missing) { LoadLog.bareNames($0) },
    Phrase("weights were not initialized from checkpoint:", .missing),
    // Timm, and mmengine.
    Phrase("Missing keys (", .missing) { LoadLog.namesInBrackets($0) },
    Phrase("Unexpected keys (", .unexpected) { LoadLog.namesInBrackets($0) },
    Phrase("missing keys in source state_dict:", .missing) { LoadLog.bareNames($0) },
    Phrase("unexpected key in source state_dict:", .unexpected) { LoadLog.bareNames($0) },
    Phrase("The following keys have not been correctly renamed:", .unexpected, .adapter) {
      LoadLog.bareNames($0)
    },
    // What diffusers' converters of Flux's adapters leave over.
    Phrase(" at this point but has", .unexpected, .adapter) { LoadLog.namesOfList($0) },
  ]

  private static func distinct<Value: Hashable>(_ values: [Value]) -> [Value] {
    var seen: Set<Value> = []
    return values.filter { seen.insert($0).inserted }
  }
}
