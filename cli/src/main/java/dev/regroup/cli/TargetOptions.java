package dev.regroup.cli;

import dev.regroup.cli.console.Quantity;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.formats.tensor.Dtype;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// What a conversion should lead to: the options that `plan` and `convert` share.
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class TargetOptions {
  @Option(
      names = "--to",
      required = true,
      paramLabel = "LAYOUT",
      description =
          "The attention layout to convert to: gta (grouped-tied), gla (grouped latent), or mla"
              + " (multi-head latent, as stock DeepSeek-V2 code loads it).")
  private TargetLayout to;

  @Option(
      names = "--kv-heads",
      paramLabel = "N",
      description =
          "GTA: heads of tied keys and values; must divide the source's kv heads. Default: as many"
              + " as the source has, or 4 for an MLA source.")
  private @Nullable Integer kvHeads;

  @Option(
      names = "--latent-heads",
      paramLabel = "N",
      description =
          "GLA: latent heads; must divide the source's kv heads (query heads for an MLA source)."
              + " Default: 2.")
  private @Nullable Integer latentHeads;

  @Option(
      names = "--latent-dim",
      paramLabel = "N",
      description =
          "GLA, MLA: elements of a latent head. Default: twice the head dim, or half of an MLA"
              + " source's rank; for MLA four times the head dim.")
  private @Nullable Integer latentDim;

  @Option(
      names = "--rope-dim",
      paramLabel = "N",
      description =
          "Elements of the rotary key that all heads share. Default: half the head dim; an MLA"
              + " source keeps its own.")
  private @Nullable Integer ropeDim;

  @Mixin private ProfileOptions profile;

  @Option(
      names = "--dtype",
      paramLabel = "DTYPE",
      description =
          "Dtype of the tensors written anew: bf16, f16 or f32. Default: that of the tensors they"
              + " replace.")
  private @Nullable Dtype dtype;

  @Option(
      names = "--max-shard-size",
      paramLabel = "SIZE",
      converter = Quantity.Bytes.class,
      description =
          "Cut the output into files of at most this size; GB is decimal, GiB binary. Default: a"
              + " file for each of the source's, those over 5GB cut.")
  private @Nullable Long maxShardBytes;

  @Option(
      names = "--requantize",
      description =
          "FP8 sources: write new attention weights in the source's own FP8 convention. Default:"
              + " BF16, listed in the config as not quantised.")
  private boolean requantize;

  /// The request that the options spell.
  ConversionRequest request() {
    return new ConversionRequest(
        to,
        profile.profile(),
        optional(kvHeads),
        optional(latentHeads),
        optional(latentDim),
        optional(ropeDim),
        profile.ropeTheta(),
        Optional.ofNullable(dtype),
        maxShardBytes == null ? OptionalLong.empty() : OptionalLong.of(maxShardBytes),
        requantize,
        false);
  }

  private static OptionalInt optional(@Nullable Integer value) {
    return value == null ? OptionalInt.empty() : OptionalInt.of(value);
  }
}
