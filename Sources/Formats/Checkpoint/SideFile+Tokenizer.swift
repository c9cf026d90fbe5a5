/// Which files lie beside a model for its tokenizer.
extension SideFile {
  /// Whether it holds tokens, without which the others are of no use.
  public var isVocabulary: Bool { Self.vocabularies.contains(name) }

  /// Whether it is a part of a tokenizer, or a chat template, which names its tokens.
  public var isOfTokenizer: Bool {
    isVocabulary || Self.tokenizerSettings.contains(name)
      || name.hasPrefix("\(Self.templateDirectory)/")
  }

  private static let vocabularies: Set<String> = [
    "bpe.codes", "dict.txt", "qwen.tiktoken", "sentencepiece.bpe.model", "sentencepiece.model",
    "source.spm", "spiece.model", "spm.model", "spm_char.model", "target.spm", "tekken.json",
    "tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt",
  ]

  private static let tokenizerSettings: Set<String> = [
    "added_tokens.json", "chat_template.jinja", "chat_template.json", "merges.txt",
    "special_tokens_map.json", "tokenizer_config.json",
  ]
}
