package dev.regroup.formats.attention;

/// The tensors of an attention sublayer, under the names they have in a checkpoint after
/// `model.layers.{i}.self_attn.`.
public enum AttentionTensor {
  Q_PROJ("q_proj.weight"),
  Q_BIAS("q_proj.bias"),
  Q_NORM("q_norm.weight"),
  Q_STATE_PROJ("q_state_proj.weight"),
  Q_A_PROJ("q_a_proj.weight"),
  Q_A_BIAS("q_a_proj.bias"),
  Q_A_NORM("q_a_layernorm.weight"),
  Q_B_PROJ("q_b_proj.weight"),
  K_PROJ("k_proj.weight"),
  K_BIAS("k_proj.bias"),
  K_NORM("k_norm.weight"),
  V_PROJ("v_proj.weight"),
  V_BIAS("v_proj.bias"),
  KV_PROJ("kv_proj.weight"),
  KV_BIAS("kv_proj.bias"),
  ROPE_KEY("W_rope_k.weight"),
  ROPE_KEY_BIAS("W_rope_k.bias"),
  KV_A_PROJ("kv_a_proj_with_mqa.weight"),
  KV_A_BIAS("kv_a_proj_with_mqa.bias"),
  KV_A_NORM("kv_a_layernorm.weight"),
  KV_LATENT_PROJ("kv_latent_proj.weight"),
  KV_B_PROJ("kv_b_proj.weight"),
  KV_STATE_PROJ("kv_state_proj.weight"),
  ROPE_KEY_PROJ("rope_key_proj.weight"),
  W_DQ("W_dQ.weight"),
  W_DQ_BIAS("W_dQ.bias"),
  W_UQ_ROPE("W_uQ_rope.weight"),
  W_UQ_ROPE_BIAS("W_uQ_rope.bias"),
  W_DKV("W_dKV.weight"),
  W_DKV_BIAS("W_dKV.bias"),
  KV_NORM_1("kv_norm_1.weight"),
  KV_NORM_2("kv_norm_2.weight"),
  W_UKV_1("W_ukv_1.weight"),
  W_UKV_1_BIAS("W_ukv_1.bias"),
  W_UKV_2("W_ukv_2.weight"),
  W_UKV_2_BIAS("W_ukv_2.bias"),
  O_PROJ("o_proj.weight"),
  O_BIAS("o_proj.bias");

  private final String suffix;

  AttentionTensor(String suffix) {
    this.suffix = suffix;
  }

  /// The name in layer `layer` of a checkpoint.
  public String in(int layer) {
    return "model.layers." + layer + ".self_attn." + suffix;
  }

  /// The name after `self_attn.`.
  public String suffix() {
    return suffix;
  }
}
