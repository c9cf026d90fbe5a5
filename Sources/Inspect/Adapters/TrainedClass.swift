import Formats

/// The class of model that was trained, as far as PEFT's configuration tells: by its name,
/// or by the task where PEFT knows that.
public struct TrainedClass: Sendable {
  private let name: String?
  private let task: String?

  init(_ configuration: AdapterConfiguration?) {
    let mapping = configuration?.json["auto_mapping"]
    let isOfTransformers = mapping?["parent_library"]?.string?.hasPrefix("transformers.") ?? false
    name = isOfTransformers ? mapping?["base_model_class"]?.string : nil
    task = configuration?.json["task_type"]?.string
  }

  /// Whether it is told by its name.
  public var isNamed: Bool { name != nil }

  /// Whether it has no head, so that its parts are not in an attribute of a class around
  /// them; nil where nothing tells.
  var isBare: Bool? {
    if let name { return OutputHead.isBare(name) }
    return task.flatMap {
      $0 == "FEATURE_EXTRACTION" ? true : Self.tasks.contains($0) ? false : nil
    }
  }

  /// Whether it ends in tokens.
  var hasOutput: Bool {
    if let name { return !OutputHead.isHeadless(name) }
    return task.map(Self.outputs.contains) ?? false
  }

  private static let tasks = outputs.union(heads.keys)
  private static let outputs: Set = ["CAUSAL_LM", "SEQ_2_SEQ_LM"]
  private static let heads = [
    "SEQ_CLS": "SequenceClassification", "TOKEN_CLS": "TokenClassification",
    "QUESTION_ANS": "QuestionAnswering",
  ]

  /// Whether it has a head that a model for text has not.
  var hasOwnHead: Bool {
    if let name { return !OutputHead.isBare(name) }
    return task.map { Self.heads[$0] != nil } ?? false
  }

  /// Whether the rows of its last layer are labels; other classes use such names too.
  public var hasLabels: Bool { name?.hasSuffix("MultipleChoice") != true }

  /// The field that tells it.
  var words: String? {
    name.map { "base_model_class \($0.printable)" } ?? task.map { "task_type \($0.printable)" }
  }

  /// The class with the head, for the base of a configuration; nil where nothing tells it,
  /// or where transformers has none for such a task.
  public func architecture(of base: ModelConfiguration?) -> String? {
    if let name { return OutputHead.isBare(name) ? nil : name }
    guard let head = task.flatMap({ Self.heads[$0] }),
      let stem = base?.architecture.flatMap(Self.stem), Self.stems[head]?.contains(stem) == true
    else { return nil }
    return "\(stem)For\(head)"
  }

  /// `Llama` of `LlamaForCausalLM`.
  private static func stem(of architecture: String) -> String? {
    if let range = architecture.firstRange(of: "For") {
      return String(architecture[..<range.lowerBound])
    }
    return ["WithLMHeadModel", "LMHeadModel", "ModelWithLMHead", "DoubleHeadsModel", "Model"].lazy
      .filter(architecture.hasSuffix).map { String(architecture.dropLast($0.count)) }.first
  }

  /// What the names of the classes begin with that transformers has for each head.
  private static let stems = [
    "SequenceClassification": """
    AXK1 AXK2 Albert Arcee Bart Bert BigBird BigBirdPegasus BioGpt Bloom CTRL Camembert Canine
    CohereCompassText ConvBert Data2VecText Deberta DebertaV2 DeepseekV2 DeepseekV3 DiffLlama
    DistilBert Doge Electra Ernie Esm Esmc EuroBert Exaone4 FNet Falcon Flaubert Funnel GPT2
    GPTBigCode GPTJ GPTNeo GPTNeoX Gemma Gemma2 Gemma3 Gemma3Text Glm Glm4 GptOss Gte Helium
    HunYuanDenseV1 HunYuanMoEV1 IBert Jamba JetMoe JinaEmbeddingsV3 LayoutLM LayoutLMv2
    LayoutLMv3 Lilt Llama Longformer Luke MBart MPNet MT5 MarkupLM MegatronBert MiniCPM3 MiniMax
    Ministral Ministral3 Mistral Mistral4 Mixtral MobileBert ModernBert ModernBertDecoder
    ModernVBert Mpt Mra Mvp Nemotron NomicBert Nystromformer OPT Olmo Olmo2 Olmo3 OpenAIGPT
    PLBart Perceiver Persimmon Phi Phi3 Phimoe Qwen2 Qwen2Moe Qwen3 Qwen3Moe Qwen3Next Qwen3_5
    Qwen3_5Text Reformer RemBert RoCBert RoFormer Roberta RobertaPreLayerNorm SeedOss SmolLM3
    SqueezeBert StableLm Starcoder2 T5 T5Gemma T5Gemma2 Tapas UMT5 UltraVBert Ultrabert XLM
    XLMRoberta XLMRobertaXL XLNet Xmod Yoso Zamba Zamba2
    """,
    "TokenClassification": """
    AXK1 AXK2 Albert Apertus Arcee Bert BigBird BioGpt Bloom Bros Camembert Canine ConvBert
    Data2VecText Deberta DebertaV2 DeepseekV3 DiffLlama DistilBert Electra Ernie Esm Esmc
    EuroBert Exaone4 FNet Falcon Flaubert Funnel GPT2 GPTBigCode GPTNeo GPTNeoX Gemma Gemma2 Glm
    Glm4 GptOss Gte Helium IBert JinaEmbeddingsV3 LayoutLM LayoutLMv2 LayoutLMv3 Lilt Llama
    Longformer Luke MPNet MT5 MarkupLM MegatronBert MiniMax Ministral Ministral3 Mistral
    Mistral4 Mixtral MobileBert ModernBert ModernVBert Mpt Mra Nemotron NomicBert Nystromformer
    OpenAIPrivacyFilter Persimmon Phi Phi3 Qwen2 Qwen2Moe Qwen3 Qwen3ASR Qwen3Moe Qwen3Next
    Qwen3_5 RemBert RoCBert RoFormer Roberta RobertaPreLayerNorm SeedOss SmolLM3 SqueezeBert
    StableLm Starcoder2 T5 T5Gemma T5Gemma2 UMT5 UltraVBert Ultrabert XLM XLMRoberta
    XLMRobertaXL XLNet Xmod Yoso
    """,
    "QuestionAnswering": """
    Albert Arcee Bart Bert BigBird BigBirdPegasus Bloom Camembert Canine ConvBert Data2VecText
    Deberta DebertaV2 DiffLlama DistilBert Electra Ernie Exaone4 FNet Falcon Funnel GPT2 GPTJ
    GPTNeo GPTNeoX IBert JinaEmbeddingsV3 LED LayoutLMv2 LayoutLMv3 Lilt Llama Longformer Luke
    Lxmert MBart MPNet MT5 MarkupLM MegatronBert MiniMax Ministral Ministral3 Mistral Mixtral
    MobileBert ModernBert Mpt Mra Mvp Nemotron Nystromformer OPT Qwen2 Qwen2Moe Qwen3 Qwen3Moe
    Qwen3Next Reformer RemBert RoCBert RoFormer Roberta RobertaPreLayerNorm SeedOss SmolLM3
    Splinter SqueezeBert T5 UMT5 Ultrabert XLMRoberta XLMRobertaXL Xmod Yoso
    """,
  ].mapValues { Set($0.split(whereSeparator: \.isWhitespace).map(String.init)) }
}

extension Adapter {
  /// The class of model that it was trained on.
  public var trainedClass: TrainedClass { TrainedClass(configuration) }
}
