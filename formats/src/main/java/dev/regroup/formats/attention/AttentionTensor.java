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
