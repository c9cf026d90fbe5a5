/// Models of text; the first row is for models of any type.
extension LoadedNames {
  static let language = #"""
    *
      LayerNorm\.gamma$ -> LayerNorm.weight
      LayerNorm\.beta$ -> LayerNorm.bias
      \.weight_g$ -> .parametrizations.weight.original0
      \.weight_v$ -> .parametrizations.weight.original1
      \.block_sparse_moe\.experts\. -> .mlp.experts.
    GPTNeoXForCausalLM
      ^embed_out\. -> lm_head.
    mixtral minimax
      \.block_sparse_moe\. -> .mlp.
    minimax_m2
      \.block_sparse_moe\. -> .mlp.
      \.block_sparse_moe\.e_score_correction_bias -> .mlp.e_score_correction_bias
    phimoe
      \.block_sparse_moe\. -> .mlp.
      .gate.weight -> .router.weight
    granitemoe granitemoeshared granitemoehybrid
      block_sparse_moe\.input_linear\.weight -> block_sparse_moe.experts.gate_up_proj
      block_sparse_moe\.output_linear\.weight -> block_sparse_moe.experts.down_proj
      block_sparse_moe\.router\.layer\.weight -> block_sparse_moe.router.weight
    aria_text
      mlp\.experts\.fc1\.weight -> mlp.experts.gate_up_proj
      mlp\.experts\.fc2\.weight -> mlp.experts.down_proj
    nemotron_h
      backbone. -> model.
    exaone_moe
      mlp.e_score_correction_bias -> mlp.gate.e_score_correction_bias
    ernie4_5_moe
      mlp.moe_statics.e_score_correction_bias -> mlp.gate.moe_statics.e_score_correction_bias
    kolibri1
      moe.router.expert_bias -> mlp.gate.e_score_correction_bias
      post_attn_norm -> post_self_attn_layernorm
      post_ffn_norm -> post_mlp_layernorm
    mimo_v2_flash
      self_attn.attention_sink_bias -> self_attn.sinks
    flint
      self_attn.softmax_offset -> self_attn.sinks
    hy_v3
      mlp\.router\.gate\.weight -> mlp.gate.weight
      mlp\.expert_bias -> mlp.e_score_correction_bias
      mlp\.shared_mlp\. -> mlp.shared_experts.
    hy_v4
      \.hc_pre\.hc_ -> .hc_
      \.learnable_sink_param -> .sinks
      \.linear_gate -> .gate_proj
      \.hc_attn_layer\.hc_fn -> .attn_hc.fn
      \.hc_attn_layer\.hc_base -> .attn_hc.base
      \.hc_attn_layer\.hc_scale -> .attn_hc.scale
      \.hc_mlp_layer\.hc_fn -> .ffn_hc.fn
      \.hc_mlp_layer\.hc_base -> .ffn_hc.base
      \.hc_mlp_layer\.hc_scale -> .ffn_hc.scale
      \.hc_head_fn -> .hc_fn
      \.hc_head_base -> .hc_base
      \.hc_head_scale -> .hc_scale
    laguna
      mlp.experts.e_score_correction_bias -> mlp.gate.e_score_correction_bias
      mlp.shared_expert. -> mlp.shared_experts.
    axk1
      post_mlp_layernorm -> mlp.post_mlp_layernorm
    axk2
      W_down -> mlp.fc1
      W_up -> mlp.fc2
      self_attn\.q_b_proj\. -> self_attn.q_gate_proj.
    hrm_text
      \.attn\.o_proj\. -> .self_attn.o_proj.
      mlp.gate_up_proj.weight -> mlp.gate_proj.weight + mlp.up_proj.weight
      attn.gqkv_proj.weight -> \
        self_attn.gate_proj.weight + self_attn.q_proj.weight + self_attn.k_proj.weight + \
        self_attn.v_proj.weight
    bailing_hybrid
      ^model\.word_embeddings\. -> model.embed_tokens.
      \.attention\. -> .self_attn.
      self_attn\.f_proj\. -> self_attn.forget_gate.f_proj.
      self_attn\.dt_bias -> self_attn.forget_gate.dt_bias
      self_attn\.A_log -> self_attn.forget_gate.A_log
      \.self_attn\.dense\. -> .self_attn.o_proj.
      \.mlp\.gate\.expert_bias -> .mlp.gate.e_score_correction_bias
    deepseek_v4
      \.attn\. -> .self_attn.
      \.ffn\. -> .mlp.
      \.indexer\.compressor\. -> .compressor.indexer.
      ^embed\.weight -> embed_tokens.weight
      ^head\.weight -> lm_head.weight
      ^hc_head_fn -> hc_head.hc_fn
      ^hc_head_base -> hc_head.hc_base
      ^hc_head_scale -> hc_head.hc_scale
      \.attn_norm\. -> .input_layernorm.
      \.ffn_norm\. -> .post_attention_layernorm.
      \.hc_attn_fn -> .attn_hc.fn
      \.hc_attn_base -> .attn_hc.base
      \.hc_attn_scale -> .attn_hc.scale
      \.hc_ffn_fn -> .ffn_hc.fn
      \.hc_ffn_base -> .ffn_hc.base
      \.hc_ffn_scale -> .ffn_hc.scale
      \.attn_sink -> .sinks
      \.indexer\.weights_proj\. -> .compressor.indexer.scorer.weights_proj.
      \.indexer\.wq_b\. -> .compressor.indexer.q_b_proj.
      \.norm\. -> .kv_norm.
      \.ape -> .position_bias
      \.wq_a\. -> .q_a_proj.
      \.self_attn\.wq_b\. -> .self_attn.q_b_proj.
      \.wkv\. -> .kv_proj.
      \.wgate\. -> .gate_proj.
      \.wo_a\. -> .o_a_proj.
      \.wo_b\. -> .o_b_proj.
      \.q_norm\. -> .q_a_norm.
      \.gate\.bias -> .gate.e_score_correction_bias
      \.shared_experts\.w1\. -> .shared_experts.gate_proj.
      \.shared_experts\.w2\. -> .shared_experts.down_proj.
      \.shared_experts\.w3\. -> .shared_experts.up_proj.
    glm5_next glm5_next_text
      self_attn\.f_a_proj\. -> self_attn.forget_gate.f_a_proj.
      self_attn\.f_b_proj\. -> self_attn.forget_gate.f_b_proj.
      self_attn\.dt_bias -> self_attn.forget_gate.dt_bias
      self_attn\.A_log -> self_attn.forget_gate.A_log
      hc_attn_fn -> attn_hc.fn
      hc_attn_base -> attn_hc.base
      hc_attn_scale -> attn_hc.scale
      hc_ffn_fn -> ffn_hc.fn
      hc_ffn_base -> ffn_hc.base
      hc_ffn_scale -> ffn_hc.scale
    kimi_linear
      self_attn\.f_a_proj\. -> self_attn.forget_gate.f_a_proj.
      self_attn\.f_b_proj\. -> self_attn.forget_gate.f_b_proj.
      self_attn\.dt_bias -> self_attn.forget_gate.dt_bias
      self_attn\.A_log -> self_attn.forget_gate.A_log
      \.block_sparse_moe\. -> .mlp.
    olmo_hybrid
      attention_layer_norm -> input_layernorm
      feedforward_layer_norm -> post_attention_layernorm
    lfm3
      \.self_attn\.gate_proj\. -> .self_attn.g_proj.
    mistral_large4_text
      \.attention\. -> .self_attn.
      \.wq\. -> .q_proj.
      \.wkv_a_with_mqa\. -> .kv_a_proj_with_mqa.
      \.wkv_b\. -> .kv_b_proj.
      \.attention_norm\. -> .input_layernorm.
      \.ffn_norm\. -> .post_attention_layernorm.
      \.kv_a_norm\. -> .kv_a_layernorm.
      \.feed_forward\. -> .mlp.
      \.gate\. -> .mlp.gate.
      \.experts\. -> .mlp.experts.
      \.shared_experts\. -> .mlp.shared_experts.
      \.ssmax_scaling.s -> .softmax_scaling.scale
      \.ssmax_scaling.b -> .softmax_scaling.bias
    inkling2_text
      model\.llm\.unembed\.weight -> lm_head.weight
      model\.llm\. -> model.
      embed\.weight -> embed_tokens.weight
      embed_norm\. -> embed_tokens.embed_norm.
      mlp\.experts\.w2_weight -> mlp.experts.down_proj
      mlp\.experts\.w2_weight_scale -> mlp.experts.down_proj_scale_inv
      mlp.gate.bias -> mlp.gate.e_score_correction_bias
      attn\.wq_du -> self_attn.q_proj
      attn\.wk_dv -> self_attn.k_proj
      attn\.wv_dv -> self_attn.v_proj
      attn\.wr_du -> self_attn.r_proj
      attn\.wo_ud -> self_attn.o_proj
      attn\.gate_attn -> self_attn.gate_proj
      attn\.attn_sink_proj -> self_attn.sink_proj
      \.attn\.(q_l2_clip|k_l2_clip|rel_l2_clip|k_sconv|v_sconv|rel_logits_proj)\. -> .self_attn.\1.
      attn_sconv\. -> post_attention_convolution.
      mlp_sconv\. -> post_mlp_convolution.
      (convolution|sconv)\.weight(?!_) -> \1.conv1d.weight
      (convolution|sconv)\.static_w -> \1.static_weight
      (convolution|sconv)\.weight_proj -> \1.weight_proj.weight
      mlp_norm -> post_attention_layernorm
      attn_norm -> input_layernorm
      (q|k|v)_input_norm -> \1_input_layernorm
      attn_res\.mlp_queries\.(\d+) -> layers.\1.mlp_input.query
      attn_res\.output_query -> final_input.query
    qwen3_5_text qwen3_5_moe_text qwen4_exp_text gemma3n_text
      ^model\.language_model\. -> model.
    nomic_bert
      encoder.layers -> layers
      emb_ln -> embeddings.LayerNorm
      attn.out_proj -> self_attn.o_proj
      fc11 -> up_proj
      fc12 -> gate_proj
      fc2 -> down_proj
      norm1 -> post_attention_layernorm
      norm2 -> post_mlp_layernorm
      attn.Wqkv -> self_attn.q_proj + self_attn.k_proj + self_attn.v_proj
    gte
      ^new\. ->
      encoder.layer -> layers
      attention.o_proj -> self_attn.o_proj
      attn_ln -> post_attention_layernorm
      mlp_ln -> post_mlp_layernorm
      lm_head.norm -> lm_head.layer_norm
      attention.qkv_proj -> self_attn.q_proj + self_attn.k_proj + self_attn.v_proj
      mlp.up_gate_proj -> mlp.up_proj + mlp.gate_proj
    jina_embeddings_v3
      emb_ln -> embeddings.LayerNorm
      encoder.layers -> layers
      mixer.out_proj -> self_attn.o_proj
      norm1 -> post_attention_layernorm
      norm2 -> post_mlp_layernorm
      mixer.Wqkv -> self_attn.q_proj + self_attn.k_proj + self_attn.v_proj
    UltrabertModel
      ^ultrabert\. ->
    UltrabertForMaskedLM
      ^ultrabert\. -> model.
      ^cls\. -> head.decoder.
    UltraVBertForMaskedLM
      ^head\.decoder\. -> lm_head.
      ^head\. -> projection_head.
    timesfm2_5
      ff0 -> fc1
      ff1 -> fc2
    jev
      ^weight -> proj.weight
    """#
}
