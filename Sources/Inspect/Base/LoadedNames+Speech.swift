/// Models that hear or speak.
extension LoadedNames {
  static let speech = #"""
    granite_speech granite_speech_plus
      ^language_model\.model -> model.language_model
      ^language_model.lm_head -> lm_head
      ^language_model -> model.language_model
      ^encoder -> model.encoder
      ^projector -> model.projector
    mimi
      ^encoder\.layers -> encoder.encoder_seanet.layers
      ^decoder\.layers -> decoder.decoder_seanet.layers
      ^encoder_transformer\. -> encoder.encoder_transformer.
      ^downsample\. -> encoder.downsample.
      ^upsample\. -> decoder.upsample.
      ^decoder_transformer\. -> decoder.decoder_transformer.
    cohere_asr
      encoder\.pre_encode\.conv\. -> encoder.subsampling.layers.
      encoder\.pre_encode\.out\. -> encoder.subsampling.linear.
      transf_decoder\._embedding\.position_embedding\.pos_enc -> decoder.pos_emb.weight
      transf_decoder\._embedding\.token_embedding -> decoder.embed_tokens
      transf_decoder\._embedding\.layer_norm -> decoder.embedding_layernorm
      transf_decoder\._decoder\.final_layer_norm -> decoder.norm
      transf_decoder\._decoder\.layers -> decoder.layers
      encoder_decoder_proj\. -> decoder.proj.
      encoder\.(.+)\.self_attn\.linear_q -> encoder.\1.self_attn.q_proj
      encoder\.(.+)\.self_attn\.linear_k -> encoder.\1.self_attn.k_proj
      encoder\.(.+)\.self_attn\.linear_v -> encoder.\1.self_attn.v_proj
      encoder\.(.+)\.self_attn\.linear_out -> encoder.\1.self_attn.o_proj
      encoder\.(.+)\.self_attn\.linear_pos -> encoder.\1.self_attn.relative_k_proj
      encoder\.(.+)\.self_attn\.pos_bias_u -> encoder.\1.self_attn.bias_u
      encoder\.(.+)\.self_attn\.pos_bias_v -> encoder.\1.self_attn.bias_v
      decoder\.(.+)\.first_sub_layer\.query_net -> decoder.\1.self_attn.q_proj
      decoder\.(.+)\.first_sub_layer\.key_net -> decoder.\1.self_attn.k_proj
      decoder\.(.+)\.first_sub_layer\.value_net -> decoder.\1.self_attn.v_proj
      decoder\.(.+)\.first_sub_layer\.out_projection -> decoder.\1.self_attn.o_proj
      \.second_sub_layer\.query_net -> .encoder_attn.q_proj
      \.second_sub_layer\.key_net -> .encoder_attn.k_proj
      \.second_sub_layer\.value_net -> .encoder_attn.v_proj
      \.second_sub_layer\.out_projection -> .encoder_attn.o_proj
      \.third_sub_layer\.dense_in -> .mlp.fc1
      \.third_sub_layer\.dense_out -> .mlp.fc2
      \.layer_norm_1\. -> .input_layernorm.
      \.layer_norm_2\. -> .post_attention_layernorm.
      \.layer_norm_3\. -> .final_layernorm.
      \.conv\.batch_norm -> .conv.norm
      log_softmax\.mlp\.layer0 -> proj_out
    gradium_phonon_tts
      ^flow_lm\.condition_provider\.conditioners\.transcript_in_segment\.embed\. -> \
        model.embed_tokens.
      ^flow_lm\.condition_provider\.conditioners\.speaker_wavs\.output_proj\. -> \
        model.audio_prompt_proj.
      ^flow_lm\.condition_provider\.conditioners\.num_speakers\.embed\. -> model.num_speakers_embed.
      ^flow_lm\.condition_provider\.conditioners\.num_speakers\.output_proj\. -> \
        model.num_speakers_proj.
      ^flow_lm\.condition_provider\.conditioners\.duration_delta\.output_proj\. -> \
        model.duration_delta_proj.
      ^flow_lm\.input_linear\. -> model.audio_latent_proj.
      ^flow_lm\.bos_emb -> model.bos_latent
      ^flow_lm\.emb_mean -> latent_mean
      ^flow_lm\.emb_std -> latent_std
      ^flow_lm\.out_norm\. -> model.norm.
      ^flow_lm\.out_eos\. -> eos_head.
      ^flow_lm\.transformer\.layers\.(\d+)\.self_attn\.in_proj\. -> \
        model.layers.\1.self_attn.in_proj.
      ^flow_lm\.transformer\.layers\.(\d+)\.self_attn\.out_proj\. -> \
        model.layers.\1.self_attn.o_proj.
      ^flow_lm\.transformer\.layers\.(\d+)\.linear1\. -> model.layers.\1.mlp.fc1.
      ^flow_lm\.transformer\.layers\.(\d+)\.linear2\. -> model.layers.\1.mlp.fc2.
      ^flow_lm\.transformer\.layers\.(\d+)\.norm1\. -> model.layers.\1.input_layernorm.
      ^flow_lm\.transformer\.layers\.(\d+)\.norm2\. -> model.layers.\1.post_attention_layernorm.
      ^flow_lm\.flow_net\.time_embed\.(\d+)\.freqs -> flow_head.timestep_embeddings.\1.freqs
      ^flow_lm\.flow_net\.time_embed\.(\d+)\.mlp\.0\. -> flow_head.timestep_embeddings.\1.fc1.
      ^flow_lm\.flow_net\.time_embed\.(\d+)\.mlp\.2\. -> flow_head.timestep_embeddings.\1.fc2.
      ^flow_lm\.flow_net\.time_embed\.(\d+)\.mlp\.3\.alpha -> \
        flow_head.timestep_embeddings.\1.norm.weight
      ^flow_lm\.flow_net\.cond_embed\. -> flow_head.cond_proj.
      ^flow_lm\.flow_net\.input_proj\. -> flow_head.input_proj.
      ^flow_lm\.flow_net\.res_blocks\.(\d+)\.in_ln\. -> flow_head.layers.\1.norm.
      ^flow_lm\.flow_net\.res_blocks\.(\d+)\.mlp\.0\. -> flow_head.layers.\1.fc1.
      ^flow_lm\.flow_net\.res_blocks\.(\d+)\.mlp\.2\. -> flow_head.layers.\1.fc2.
      ^flow_lm\.flow_net\.res_blocks\.(\d+)\.adaLN_modulation\.1\. -> \
        flow_head.layers.\1.adaln_proj.
      ^flow_lm\.flow_net\.final_layer\.linear\. -> flow_head.final_layer.proj.
      ^flow_lm\.flow_net\.final_layer\.adaLN_modulation\.1\. -> flow_head.final_layer.adaln_proj.
    nemo_speechlm
      ^perception\.encoder\.asr_encoder\. -> model.audio_tower.asr_encoder.
      ^perception\.encoder\.diarization_model\.encoder\. -> \
        model.audio_tower.diarization_model.model.audio_tower.
      ^ctc_timestamp\.decoder\.transformer\. -> model.word_timestamp_encoder.
      ^ctc_timestamp\.decoder\.upsample\. -> model.word_timestamp_encoder.upsampler.
      ^ctc_timestamp\.decoder\.decoder_layers\.0\. -> word_timestamp_head.
      ^perception\.encoder\.diarization_model\.sortformer_modules\.encoder_proj\. -> \
        model.audio_tower.diarization_model.model.proj.
      ^perception\.encoder\.diarization_model\.sortformer_modules\.subpixel_upsample\. -> \
        model.audio_tower.diarization_model.model.upsampler.conv.
      ^perception\.encoder\.diarization_model\.sortformer_modules\.first_hidden_to_hidden\. -> \
        model.audio_tower.diarization_model.classifier.dense.
      ^perception\.encoder\.diarization_model\.sortformer_modules\.single_hidden_to_spks\. -> \
        model.audio_tower.diarization_model.classifier.out_proj.
      ^perception\.encoder\.diarization_model\.sortformer_modules\.learnable_sil_emb -> \
        model.audio_tower.diarization_model.silence_embeds
      ^perception\.encoder\.asr_norm\. -> model.audio_tower.asr_norm.
      ^perception\.encoder\.diar_norm\. -> model.audio_tower.speaker_norm.
      ^perception\.proj\. -> model.multi_modal_projector.
      ^llm\.model\.embed_tokens\. -> model.language_model.embeddings.
      ^llm\.model\.norm\. -> model.language_model.norm_f.
      ^llm\.model\.layers\. -> model.language_model.layers.
      ^llm\.lm_head\. -> lm_head.
      \.pre_encode\.proj\. -> .embedder.projection.
      \.embed_norm\. -> .input_layer_norm.
      \.final_norm\. -> .layer_norm.
      \.norm1\. -> .layer_norm1.
      \.norm2\. -> .layer_norm2.
      \.attn\.out_proj\. -> .self_attn.o_proj.
      \.attn\.q_norm\. -> .self_attn.q_norm.
      \.attn\.k_norm\. -> .self_attn.k_norm.
      \.ffn\.net\.0\. -> .mlp.fc1.
      \.ffn\.net\.3\. -> .mlp.fc2.
      \.mixer\._fp32_params\.A_log -> .mixer.A_log
      \.mixer\._fp32_params\.D -> .mixer.D
      \.mixer\._fp32_params\.dt_bias -> .mixer.dt_bias
      \.attn\.w_qkv\.weight -> \
        .self_attn.q_proj.weight + .self_attn.k_proj.weight + .self_attn.v_proj.weight
    NemotronH_Omni_Reasoning_V3
      ^mlp1\.0\. -> multi_modal_projector.layer_norm.
      ^mlp1\.1\. -> multi_modal_projector.linear_1.
      ^mlp1\.3\. -> multi_modal_projector.linear_2.
      ^sound_encoder\.encoder\. -> audio_tower.
      ^sound_projection\.norm\. -> embed_audio.layer_norm.
      ^sound_projection\.linear1\. -> embed_audio.linear_1.
      ^sound_projection\.linear2\. -> embed_audio.linear_2.
    """#
}
