import Formats

/// The attribute in which the classes of a model with a head keep the bare model, and which
/// stands before the names of its tensors there alone: `transformer.` of GPT-2.
///
/// transformers puts it before the names of a file when it loads them, or takes it away, as
/// the class asks (`base_model_prefix`), so that a file may have it or not.
struct BaseModelPrefix: Hashable {
  /// With its dot.
  let text: String
  /// Whether the class with an output for tokens is bare as well, and only others have it.
  private let isOfLabels: Bool

  private init(_ attribute: String, isOfLabels: Bool = false) {
    text = "\(attribute)."
    self.isOfLabels = isOfLabels
  }

  /// Those that a base of this configuration may have. Without one, and for a model that
  /// transformers does not know by itself, those that name no model: any other would put the
  /// adapter of one model onto another, or onto another part.
  static func possible(for configuration: ModelConfiguration?) -> [BaseModelPrefix] {
    guard let type = configuration?.modelType, configuration?.codeFiles.isEmpty == true else {
      return general
    }
    if without.contains(type) { return [] }
    if named.contains(type) { return [BaseModelPrefix(attribute(type))] }
    return [
      BaseModelPrefix(
        others.first { $0.value.contains(type) }?.key ?? usual,
        isOfLabels: ["t5", "mt5", "umt5"].contains(type))
    ]
  }

  /// What a class of the other kind calls a tensor or a module of the model that was
  /// trained; nil for a head, and where the class is not known to be bare.
  func other(_ name: String, trained: TrainedClass) -> String? {
    let isBare = trained.isBare ?? false
    if isOfLabels, trained.hasOutput { return nil }
    let other = swapped(name)
    return name.hasPrefix(text) != isBare && other.hasPrefix(text) == isBare ? other : nil
  }

  /// The name without the prefix, or with it.
  func swapped(_ name: String) -> String {
    name.hasPrefix(text) ? String(name.dropFirst(text.count)) : text + name
  }

  private static let usual = "model"

  /// The attribute of a model that is called as its type.
  private static func attribute(_ type: String) -> String { type.replacing("-", with: "_") }

  private static let general = [usual, "transformer"].map { BaseModelPrefix($0) }

  /// Types of models whose attribute has their name.
  private static let named = words(
    """
    albert audio-spectrogram-transformer beit bert biogpt bit bridgetower bros canine convbert
    convnext convnextv2 cpmant cvt data2vec-audio data2vec-text data2vec-vision deberta deit
    depth_pro dinat dinov2 dinov2_with_registers distilbert dpt efficientloftr efficientnet
    electra ernie esm esmc flava fnet focalnet funnel git glpn gpt_neox gpt_neox_japanese gte
    hiera hubert ibert ijepa layoutlm layoutlmv2 layoutlmv3 led levit lilt longformer luke lxmert
    markuplm mgp-str mobilebert mobilenet_v1 mobilenet_v2 mobilevit mobilevitv2 mpnet mra
    nomic_bert nystromformer owlv2 owlvit perceiver pixio poolformer prophetnet pvt pvt_v2
    reformer regnet rembert resnet roberta roberta-prelayernorm roc_bert roformer rwkv segformer
    sew sew-d speecht5 splinter swiftformer swin swin2sr swinv2 tapas textnet timesformer
    unispeech unispeech-sat videomae vilt visual_bert vit vivit vjepa2 wav2vec2 wav2vec2-bert
    wav2vec2-conformer wavlm yoso
    """)

  /// Types of models of which no class has such an attribute.
  private static let without = words(
    """
    aimv2 aimv2_vision_model align altclip blip blip-2 blip_2_qformer chinese_clip
    chinese_clip_vision_model chmv2 clap clip clip_text_model clip_vision_model dac
    decision_transformer depth_anything edgetam edgetam_video edgetam_vision_model encodec
    encoder-decoder eomt eomt_dinov3 fastspeech2_conformer gemma4_audio granite_speech5_ctc
    groupvit hgnet_v2 higgs_audio_v2_tokenizer instructblip instructblipvideo internvl_vision
    lasr_ctc lightglue longt5 lw_detr_vit metaclip_2 mimi mlcd mlcd_vision_model
    muse_glimmer_assistant nemotron3_5_asr nemotron_asr_streaming neucodec parakeet_ctc
    parakeet_rnnt parakeet_tdt pe_audio pe_audio_encoder pe_audio_video pe_video
    pe_video_encoder pixtral pocket_tts_audio_tokenizer pop2piano pp_lcnet pp_lcnet_v3
    pp_lcnet_v4 prompt_depth_anything qianfan_ocr_vision radio rf_detr_dinov2 rt_detr_resnet sam
    sam2 sam2_hiera_det_model sam2_video sam2_vision_model sam3 sam3_lite_text
    sam3_lite_text_text_model sam3_tracker sam3_tracker_video sam3_video sam3_vision_model
    sam3_vit_model sam_hq sam_hq_vision_model sam_vision_model seamless_m4t seamless_m4t_v2
    siglip siglip2 speech-encoder-decoder superglue superpoint switch_transformers tipsv2 udop
    uvdoc vibevoice_acoustic_tokenizer vibevoice_acoustic_tokenizer_decoder
    vibevoice_acoustic_tokenizer_encoder videomt videoprism vision-encoder-decoder
    vision-text-dual-encoder vitdet vitpose vitpose_backbone vits xclip xcodec xcodec2 zoedepth
    """)

  /// Types of models whose attribute has another name than these and the usual one.
  private static let others = [
    "backbone": "falcon_mamba mamba mamba2 slanet slanext tipsv2_dpt uvdoc_backbone xlstm",
    "bert": "bert-generation big_bird megatron-bert",
    "clip": "clipseg",
    "deberta": "deberta-v2",
    "decoder": "mimi_decoder pocket_tts_audio_tokenizer_decoder timesfm",
    "donut": "donut-swin",
    "encoder": """
    granite_speech5_encoder lasr_encoder mimi_encoder nemotron_asr_streaming_encoder
    parakeet_encoder pocket_tts_audio_tokenizer_encoder
    """,
    "question_encoder": "dpr",
    "roberta": "camembert jina_embeddings_v3 xlm-roberta xlm-roberta-xl xmod",
    "text_model": "tipsv2_text_model",
    "timm_model": "gemma3n_vision timm_wrapper",
    "transformer": """
    bloom codegen ctrl dbrx falcon flaubert gpt-sw3 gpt2 gpt_bigcode gpt_neo gptj imagegpt mpt
    mt5 openai-gpt squeezebert t5 umt5 xlm xlnet
    """,
    "vision_model": """
    siglip2_vision_model siglip_vision_model tipsv2_vision_model videoprism_vision_model
    """,
    "vit": "vit_mae vit_msn yolos",
    "vlm": "colmodernvbert colpali colqwen2",
  ].mapValues(words)

  private static func words(_ text: String) -> Set<String> {
    Set(text.split(whereSeparator: \.isWhitespace).map(String.init))
  }
}
