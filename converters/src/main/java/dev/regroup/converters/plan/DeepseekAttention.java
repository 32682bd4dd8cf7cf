package dev.regroup.converters.plan;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.UnsupportedModelException;

/// Decides the multi-head latent attention that replaces a sublayer of MHA, GQA or MQA, in the form that
/// stock DeepSeek code reads: a normed latent, one table of frequencies for all layers, a softmax scale
/// of (d_n + d_r)^-1/2, and with `attention_bias` a bias on every projection from the hidden state but
/// `q_proj`, and on `o_proj`.
///
/// Source: transformers 5.18, `models/deepseek_v2` and `models/deepseek_v3`.
record DeepseekAttention(String where, AttentionSpec source, Gqa gqa, ConversionRequest request) {
  private static final int DEFAULT_THETA = 10_000;

  /// The sublayer.
  ///
  /// @param hiddenSize D
  /// @throws UnsupportedModelException where the layout cannot express the source or the request
  AttentionSpec of(int hiddenSize) {
    require(hiddenSize);
    int ropeDim = ropeDim();
    return new AttentionSpec(
        new Gla(gqa.queryHeads(), 1, latentDim(), gqa.headDim(), ropeDim, gqa.headDim()),
        query(hiddenSize),
        new StatePath.Latent(latentDim(), true, false, true),
        Rope.standard(ropeDim, request.ropeTheta().orElse(DEFAULT_THETA), true),
        1 / Math.sqrt(gqa.headDim() + ropeDim),
        true,
        0);
  }

  /// A query's bias has no place but behind the norm of a low-rank path, which then has to be as wide as
  /// the hidden state and a constant.
  private QueryPath query(int hiddenSize) {
    return switch (source.query()) {
      case QueryPath.Direct(boolean bias, boolean _) ->
          bias ? new QueryPath.LowRank(hiddenSize + 1, true) : new QueryPath.Direct(false, false);
      case QueryPath.LowRank _, QueryPath.Mixed _, QueryPath.Reference _ ->
          throw new IllegalArgumentException("not a path of GQA: " + source.query());
    };
  }

  private void require(int hiddenSize) {
    switch (request.profile()) {
      case DEEPSEEK_V2, DEEPSEEK_V3 -> {}
      case REGROUP, REFERENCE ->
          throw unsupported(
              "--profile",
              "expected deepseek-v2 or deepseek-v3 for --to mla, found "
                  + request.profile().label());
    }
    if (request.kvHeads().isPresent()) {
      throw unsupported("--kv-heads", "MLA has one latent -> leave it out");
    }
    if (request.latentHeads().orElse(1) != 1) {
      throw unsupported(
          "--latent-heads",
          "expected 1, as MLA has, found %d -> --to gla"
              .formatted(request.latentHeads().getAsInt()));
    }
    boolean headNorm = source.query() instanceof QueryPath.Direct(boolean _, boolean norm) && norm;
    boolean keyNorm = source.state() instanceof StatePath.KeyValue(boolean _, boolean norm) && norm;
    if (headNorm || keyNorm) {
      throw unsupported(
          "--to mla", "DeepSeek's layout has no norms of query and key heads -> --to gla");
    }
    if (source.window() != 0) {
      throw unsupported(
          "--to mla",
          "DeepSeek's layout has no sliding window, the source's is %d tokens -> --to gla"
              .formatted(source.window()));
    }
    if (hiddenSize % gqa.queryHeads() != 0) {
      throw unsupported(
          "--to mla",
          "loaders of DeepSeek's layout want heads that divide the hidden size, found %d and %d -> --to gla"
              .formatted(gqa.queryHeads(), hiddenSize));
    }
  }

  private int latentDim() {
    int latentDim = request.latentDim().orElse(Math.min(4, 2 * gqa.kvHeads()) * gqa.headDim());
    if (latentDim < 2) {
      throw unsupported(
          "--latent-dim",
          "expected at least 2, one of which keeps the norm constant, found " + latentDim);
    }
    return latentDim;
  }

  private int ropeDim() {
    // one kv head turns at each frequency once, as the table does
    int standard = gqa.kvHeads() == 1 ? gqa.headDim() : Math.max(2, gqa.headDim() / 4 * 2);
    int ropeDim = request.ropeDim().orElse(standard);
    int most = gqa.headDim() * gqa.kvHeads();
    if (ropeDim < 2 || ropeDim > most || ropeDim % 2 != 0) {
      throw unsupported(
          "--rope-dim", "expected an even number from 2 to %d, found %d".formatted(most, ropeDim));
    }
    return ropeDim;
  }

  private UnsupportedModelException unsupported(String option, String message) {
    return new UnsupportedModelException("%s: %s: %s".formatted(where, option, message));
  }
}
