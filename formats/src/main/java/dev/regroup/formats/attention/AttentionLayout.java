package dev.regroup.formats.attention;

/// What an attention layer caches per token and which part of it is key and which value.
///
/// Closed on purpose: a new layout is a new record here, and the compiler then names every `switch`
/// that has to learn about it. Three records carry five names, since multi-head and multi-query
/// attention are {@link Gqa} and multi-head latent attention is {@link Gla} with one latent head.
///
/// Query head h reads state h / (queryHeads / stateHeads): groups are contiguous.
public sealed interface AttentionLayout permits Gqa, Gta, Gla {
  /// H, the number of query heads.
  int queryHeads();

  /// The number of states a token keeps: G for GQA and GTA, n for GLA.
  int stateHeads();

  /// d_n, the elements of a head's query and key that are not rotated, before absorption.
  int nopeDim();

  /// d_r, the elements of a head's query and key that are rotated.
  int ropeDim();

  /// d_v, the elements of a head's output that `o_proj` reads.
  int valueDim();

  /// What is cached.
  CacheRow cacheRow();

  /// The name the layout goes by: `mha`, `mqa`, `gqa`, `mla`, `gta` or `gla`.
  String label();

  /// d_n + d_r, the elements of a head's query.
  default int queryDim() {
    return nopeDim() + ropeDim();
  }
}
