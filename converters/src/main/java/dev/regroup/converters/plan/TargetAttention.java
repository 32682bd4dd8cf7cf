package dev.regroup.converters.plan;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import java.util.ArrayList;
import java.util.List;

/// Decides the attention sublayer that replaces one of the source.
final class TargetAttention {
  private static final int DEFAULT_MLA_KV_HEADS = 4;

  private TargetAttention() {}

  /// The sublayer that replaces `source`.
  ///
  /// @param layer named in errors
  /// @param hiddenSize D
  /// @throws UnsupportedModelException where the request does not fit the source
  static AttentionSpec of(
      int layer, AttentionSpec source, int hiddenSize, ConversionRequest request) {
    String where = "layer " + layer;
    return switch (source.layout()) {
      case Gta gta ->
          throw new UnsupportedModelException(
              "%s: cannot convert GTA to %s: GTA is a target only -> convert from the original model"
                  .formatted(where, request.target()));
      case Gqa gqa ->
          switch (request.target()) {
            case GTA -> gtaFromGqa(where, source, gqa, request);
            case GLA ->
                request.profile() == Profile.REFERENCE
                    ? new ReferenceAttention(where, source, gqa, request).of(hiddenSize)
                    : glaFromGqa(where, source, gqa, request);
            case MLA -> new DeepseekAttention(where, source, gqa, request).of(hiddenSize);
          };
      case Gla gla -> {
        requireMla(where, source, gla, request);
        yield switch (request.target()) {
          case GTA -> gtaFromMla(where, source, gla, request);
          case GLA -> glaFromMla(where, source, gla, request);
          case MLA ->
              throw new UnsupportedModelException(
                  where + ": cannot convert MLA to mla: it is one -> --to gla");
        };
      }
    };
  }

  private static AttentionSpec gtaFromGqa(
      String where, AttentionSpec source, Gqa gqa, ConversionRequest request) {
    refuse(where, "--latent-heads", request.latentHeads().isPresent(), "GTA has no latents");
    refuse(where, "--latent-dim", request.latentDim().isPresent(), "GTA has no latents");
    int groups = dividing(where, "--kv-heads", request.kvHeads().orElse(gqa.kvHeads()), gqa);
    int ropeDim = ropeDim(where, request, gqa);
    boolean bias = hasBias(source);
    return new AttentionSpec(
        new Gta(gqa.queryHeads(), groups, gqa.headDim(), ropeDim),
        queryPath(source, gqa),
        keyNorm(source)
            ? new StatePath.Encoded(gqa.kvHeads(), gqa.headDim(), bias)
            : new StatePath.Tied(bias),
        stridedRope(source.rope(), ropeDim),
        1 / Math.sqrt(gqa.headDim()),
        source.outputBias(),
        source.window());
  }

  private static AttentionSpec glaFromGqa(
      String where, AttentionSpec source, Gqa gqa, ConversionRequest request) {
    refuse(where, "--kv-heads", request.kvHeads().isPresent(), "GLA counts --latent-heads");
    int heads =
        dividing(
            where, "--latent-heads", request.latentHeads().orElse(fewestHeads(gqa.kvHeads())), gqa);
    int ropeDim = ropeDim(where, request, gqa);
    int latentDim = positive(where, "--latent-dim", request.latentDim().orElse(2 * gqa.headDim()));
    boolean bias = hasBias(source);
    return new AttentionSpec(
        new Gla(gqa.queryHeads(), heads, latentDim, gqa.headDim(), ropeDim, gqa.headDim()),
        queryPath(source, gqa),
        keyNorm(source)
            ? new StatePath.Encoded(gqa.kvHeads(), gqa.headDim(), bias)
            : new StatePath.Latent(heads * latentDim, false, false, bias),
        stridedRope(source.rope(), ropeDim),
        1 / Math.sqrt(gqa.headDim() + ropeDim),
        source.outputBias(),
        source.window());
  }

  private static AttentionSpec glaFromMla(
      String where, AttentionSpec source, Gla mla, ConversionRequest request) {
    refuse(where, "--kv-heads", request.kvHeads().isPresent(), "GLA counts --latent-heads");
    requireSourceRope(where, request, mla);
    int heads =
        dividingQueries(
            where,
            "--latent-heads",
            request.latentHeads().orElse(fewestHeads(mla.queryHeads())),
            mla);
    int rank = mla.latentDim();
    int latentDim =
        positive(where, "--latent-dim", request.latentDim().orElse(Math.ceilDiv(rank, 2)));
    if (latentDim > rank) {
      throw new UnsupportedModelException(
          "%s: --latent-dim: expected at most the source's rank %d, found %d"
              .formatted(where, rank, latentDim));
    }
    var layout =
        new Gla(mla.queryHeads(), heads, latentDim, mla.nopeDim(), mla.ropeDim(), mla.valueDim());
    return new AttentionSpec(
        layout,
        source.query(),
        projected(source.state()),
        source.rope(),
        source.softmaxScale(),
        source.outputBias(),
        source.window());
  }

  private static AttentionSpec gtaFromMla(
      String where, AttentionSpec source, Gla mla, ConversionRequest request) {
    refuse(where, "--latent-heads", request.latentHeads().isPresent(), "GTA has no latents");
    refuse(where, "--latent-dim", request.latentDim().isPresent(), "GTA has no latents");
    requireSourceRope(where, request, mla);
    int groups =
        dividingQueries(
            where,
            "--kv-heads",
            request.kvHeads().orElse(Math.min(DEFAULT_MLA_KV_HEADS, mla.queryHeads())),
            mla);
    // the reference layout: a key is half state, half rotary key
    int headDim = 2 * mla.ropeDim();
    if (headDim > mla.latentDim()) {
      throw new UnsupportedModelException(
          "%s: GTA states of %d elements do not fit the source's rank %d"
              .formatted(where, headDim, mla.latentDim()));
    }
    return new AttentionSpec(
        new Gta(mla.queryHeads(), groups, headDim, mla.ropeDim()),
        source.query(),
        projected(source.state()),
        source.rope(),
        1 / Math.sqrt(headDim),
        source.outputBias(),
        source.window());
  }

  /// Two latent heads, as the paper has them, or the fewest beyond one that the heads divide into.
  private static int fewestHeads(int heads) {
    for (int latents = 2; latents < heads; latents++) {
      if (heads % latents == 0) {
        return latents;
      }
    }
    return heads;
  }

  private static StatePath projected(StatePath state) {
    return switch (state) {
      case StatePath.Latent(int rank, boolean norm, boolean _, boolean bias) ->
          new StatePath.Latent(rank, norm, true, bias);
      case StatePath.KeyValue _, StatePath.Tied _, StatePath.Encoded _, StatePath.Reference _ ->
          throw new IllegalArgumentException("not a latent path: " + state);
    };
  }

  private static void requireMla(
      String where, AttentionSpec source, Gla gla, ConversionRequest request) {
    boolean plain =
        source.state()
                instanceof StatePath.Latent(int _, boolean norm, boolean projected, boolean _)
            && norm
            && !projected;
    if (gla.latentHeads() != 1 || !plain) {
      throw new UnsupportedModelException(
          "%s: cannot convert GLA to %s: GLA is a target only -> convert from the original model"
              .formatted(where, request.target()));
    }
  }

  private static void requireSourceRope(String where, ConversionRequest request, Gla mla) {
    if (request.ropeDim().isPresent() && request.ropeDim().getAsInt() != mla.ropeDim()) {
      throw new UnsupportedModelException(
          "%s: --rope-dim: an MLA source keeps its rotary key of %d elements, found %d -> leave it out"
              .formatted(where, mla.ropeDim(), request.ropeDim().getAsInt()));
    }
  }

  private static int ropeDim(String where, ConversionRequest request, Gqa gqa) {
    int standard = gqa.headDim() / 2 / 2 * 2;
    int ropeDim = request.ropeDim().orElse(standard);
    if (ropeDim < 2 || ropeDim > gqa.headDim() * gqa.kvHeads() || ropeDim % 2 != 0) {
      throw new UnsupportedModelException(
          "%s: --rope-dim: expected an even number from 2 to %d, found %d"
              .formatted(where, gqa.headDim() * gqa.kvHeads(), ropeDim));
    }
    if (request.target() == TargetLayout.GTA && ropeDim > gqa.headDim()) {
      throw new UnsupportedModelException(
          "%s: --rope-dim: expected at most the head dim %d for GTA, found %d"
              .formatted(where, gqa.headDim(), ropeDim));
    }
    return ropeDim;
  }

  /// Stands in for the frequencies of the shared rotary key, which no header tells: the conversion
  /// chooses them among the source's (`docs/adr/0006`). Every k-th one until then.
  private static Rope stridedRope(Rope source, int ropeDim) {
    List<Double> all = source.inverseFrequencies();
    int slots = ropeDim / 2;
    var chosen = new ArrayList<Double>();
    for (int slot = 0; slot < slots; slot++) {
      chosen.add(all.get((int) ((long) slot * all.size() / slots)));
    }
    return new Rope(chosen, source.interleaved(), source.attentionFactor());
  }

  /// A norm does not commute with what a conversion does to queries and keys, so a source that has one
  /// keeps its projections and norms, and the conversion comes behind them.
  private static QueryPath queryPath(AttentionSpec source, Gqa gqa) {
    return switch (source.query()) {
      case QueryPath.Direct(boolean bias, boolean headNorm) ->
          headNorm ? new QueryPath.Mixed(gqa.headDim(), bias) : new QueryPath.Direct(bias, false);
      case QueryPath.LowRank _, QueryPath.Mixed _, QueryPath.Reference _ ->
          throw new IllegalArgumentException("not a path of GQA: " + source.query());
    };
  }

  private static boolean keyNorm(AttentionSpec source) {
    return source.state() instanceof StatePath.KeyValue(boolean _, boolean norm) && norm;
  }

  private static boolean hasBias(AttentionSpec source) {
    return switch (source.state()) {
      case StatePath.KeyValue(boolean bias, boolean _) -> bias;
      case StatePath.Tied _, StatePath.Latent _, StatePath.Encoded _, StatePath.Reference _ ->
          false;
    };
  }

  private static int dividing(String where, String option, int heads, Gqa gqa) {
    if (heads < 1 || gqa.kvHeads() % heads != 0) {
      throw new UnsupportedModelException(
          "%s: %s: expected a divisor of the source's %d kv heads, found %d"
              .formatted(where, option, gqa.kvHeads(), heads));
    }
    return heads;
  }

  private static int dividingQueries(String where, String option, int heads, Gla mla) {
    if (heads < 1 || mla.queryHeads() % heads != 0) {
      throw new UnsupportedModelException(
          "%s: %s: expected a divisor of the source's %d query heads, found %d"
              .formatted(where, option, mla.queryHeads(), heads));
    }
    return heads;
  }

  private static int positive(String where, String option, int value) {
    if (value < 1) {
      throw new UnsupportedModelException(
          "%s: %s: expected at least 1, found %d".formatted(where, option, value));
    }
    return value;
  }

  private static void refuse(String where, String option, boolean given, String why) {
    if (given) {
      throw new UnsupportedModelException(
          "%s: %s: %s -> leave it out".formatted(where, option, why));
    }
  }
}
