package dev.regroup.converters.plan;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.UnsupportedModelException;

/// Decides the sublayer of the published GLA code that replaces one of MHA or GQA: two latents of
/// 2·head_dim, each with a norm, queries through a normed rank of 8·head_dim, rotation in halves at one
/// table for all layers, a softmax scale of (d_n + d_r)^-1/2.
///
/// Where the hidden size exceeds the published query rank by so much that queries would suffer, the rank
/// is that of the hidden size and a constant; a plan says so.
///
/// Source: Dao-AILab/grouped-latent-attention at 17889db, `modeling_llama_GLA.py`.
record ReferenceAttention(String where, AttentionSpec source, Gqa gqa, ConversionRequest request) {
  private static final int DEFAULT_THETA = 10_000;
  private static final int LATENTS = 2;

  /// The sublayer.
  ///
  /// @param hiddenSize D
  /// @throws UnsupportedModelException where the layout cannot express the source or the request
  AttentionSpec of(int hiddenSize) {
    require();
    int ropeDim = ropeDim();
    int dim = gqa.headDim();
    return new AttentionSpec(
        new Gla(gqa.queryHeads(), LATENTS, 2 * dim, dim, ropeDim, dim),
        new QueryPath.Reference(rank(hiddenSize)),
        new StatePath.Reference(),
        Rope.standard(ropeDim, request.ropeTheta().orElse(DEFAULT_THETA), false),
        1 / Math.sqrt(dim + ropeDim),
        source.outputBias(),
        0);
  }

  /// The query rank of the published code.
  static int publishedRank(int headDim) {
    return 8 * headDim;
  }

  private int rank(int hiddenSize) {
    int published = publishedRank(gqa.headDim());
    // one direction in so many is no loss
    return published >= hiddenSize ? published : hiddenSize + 1;
  }

  private void require() {
    if (request.kvHeads().isPresent()) {
      throw unsupported("--kv-heads", "GLA counts --latent-heads");
    }
    if (request.latentHeads().orElse(LATENTS) != LATENTS || gqa.kvHeads() % LATENTS != 0) {
      throw unsupported(
          "--profile reference",
          "expected 2 latent heads and an even number of kv heads, found %d and %d"
              .formatted(request.latentHeads().orElse(LATENTS), gqa.kvHeads()));
    }
    if (request.latentDim().orElse(2 * gqa.headDim()) != 2 * gqa.headDim()) {
      throw unsupported(
          "--latent-dim",
          "expected %d, twice the head dim, as the reference has, found %d"
              .formatted(2 * gqa.headDim(), request.latentDim().getAsInt()));
    }
    boolean headNorm = source.query() instanceof QueryPath.Direct(boolean _, boolean norm) && norm;
    boolean keyNorm = source.state() instanceof StatePath.KeyValue(boolean _, boolean norm) && norm;
    if (headNorm || keyNorm || source.window() != 0) {
      throw unsupported(
          "--profile reference",
          "the reference has neither norms of query and key heads nor windows -> --profile"
              + " regroup");
    }
  }

  private int ropeDim() {
    int most = gqa.headDim() * gqa.kvHeads();
    int ropeDim = request.ropeDim().orElse(Math.max(2, gqa.headDim() / 4 * 2));
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
