package dev.regroup.converters.plan;

import dev.regroup.formats.tensor.Dtype;
import java.util.Optional;
import java.util.OptionalInt;

/// What a user asks for; what is left open is decided by the source.
///
/// @param kvHeads G of GTA; by default the source's kv heads, or 4 for MLA
/// @param latentHeads n of GLA; by default 2
/// @param latentDim d_c of GLA; by default twice the head dim, or half of MLA's rank
/// @param ropeDim d_r; by default half the head dim, and always the source's own for MLA
/// @param dtype of the tensors that are written anew; by default that of the ones they replace
/// @param maxShardBytes of a file
/// @param requantize whether new tensors are quantised as the source's are; by default they are not
public record ConversionRequest(
    TargetLayout target,
    OptionalInt kvHeads,
    OptionalInt latentHeads,
    OptionalInt latentDim,
    OptionalInt ropeDim,
    Optional<Dtype> dtype,
    long maxShardBytes,
    boolean requantize) {
  /// 5 GB, what Hugging Face cuts at.
  public static final long DEFAULT_SHARD_BYTES = 5_000_000_000L;

  /// A request that leaves everything but the layout to the source.
  public static ConversionRequest to(TargetLayout target) {
    return new ConversionRequest(
        target,
        OptionalInt.empty(),
        OptionalInt.empty(),
        OptionalInt.empty(),
        OptionalInt.empty(),
        Optional.empty(),
        DEFAULT_SHARD_BYTES,
        false);
  }

  /// The same request for so many kv heads.
  public ConversionRequest withKvHeads(int heads) {
    return new ConversionRequest(
        target,
        OptionalInt.of(heads),
        latentHeads,
        latentDim,
        ropeDim,
        dtype,
        maxShardBytes,
        requantize);
  }

  /// The same request for `heads` latents of `dim` elements.
  public ConversionRequest withLatents(int heads, int dim) {
    return new ConversionRequest(
        target,
        kvHeads,
        OptionalInt.of(heads),
        OptionalInt.of(dim),
        ropeDim,
        dtype,
        maxShardBytes,
        requantize);
  }

  /// The same request for a rotary key of `dim` elements.
  public ConversionRequest withRopeDim(int dim) {
    return new ConversionRequest(
        target,
        kvHeads,
        latentHeads,
        latentDim,
        OptionalInt.of(dim),
        dtype,
        maxShardBytes,
        requantize);
  }

  /// The same request with new tensors of another dtype.
  public ConversionRequest withDtype(Dtype written) {
    return new ConversionRequest(
        target,
        kvHeads,
        latentHeads,
        latentDim,
        ropeDim,
        Optional.of(written),
        maxShardBytes,
        requantize);
  }

  /// The same request with files cut at so many bytes.
  public ConversionRequest withMaxShardBytes(long bytes) {
    return new ConversionRequest(
        target, kvHeads, latentHeads, latentDim, ropeDim, dtype, bytes, requantize);
  }

  /// The same request with new tensors quantised as the source's are.
  public ConversionRequest withRequantize() {
    return new ConversionRequest(
        target, kvHeads, latentHeads, latentDim, ropeDim, dtype, maxShardBytes, true);
  }
}
