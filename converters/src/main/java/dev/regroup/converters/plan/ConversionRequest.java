package dev.regroup.converters.plan;

import dev.regroup.formats.tensor.Dtype;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/// What a user asks for; what is left open is decided by the source.
///
/// @param givenProfile in whose form the target is written; by default our own, or DeepSeek-V2's for MLA
/// @param kvHeads G of GTA; by default the source's kv heads, or 4 for MLA
/// @param latentHeads n of GLA; by default 2
/// @param latentDim d_c of GLA and MLA; by default twice the head dim, or half of an MLA source's rank;
///     for MLA four times the head dim
/// @param ropeDim d_r; by default half the head dim, and always the source's own for MLA
/// @param ropeTheta base of the rotary table, for profiles that know no other frequencies; by default the
///     conversion looks for the best
/// @param dtype of the tensors that are written anew; by default that of the ones they replace
/// @param maxShardBytes of a file
/// @param requantize whether new tensors are quantised as the source's are; by default they are not
public record ConversionRequest(
    TargetLayout target,
    Optional<Profile> givenProfile,
    OptionalInt kvHeads,
    OptionalInt latentHeads,
    OptionalInt latentDim,
    OptionalInt ropeDim,
    OptionalDouble ropeTheta,
    Optional<Dtype> dtype,
    long maxShardBytes,
    boolean requantize) {
  /// 5 GB, what Hugging Face cuts at.
  public static final long DEFAULT_SHARD_BYTES = 5_000_000_000L;

  /// A request that leaves everything but the layout to the source.
  public static ConversionRequest to(TargetLayout target) {
    return new ConversionRequest(
        target,
        Optional.empty(),
        OptionalInt.empty(),
        OptionalInt.empty(),
        OptionalInt.empty(),
        OptionalInt.empty(),
        OptionalDouble.empty(),
        Optional.empty(),
        DEFAULT_SHARD_BYTES,
        false);
  }

  /// In whose form the target is written.
  public Profile profile() {
    return givenProfile.orElse(target == TargetLayout.MLA ? Profile.DEEPSEEK_V2 : Profile.REGROUP);
  }

  /// The same request for so many kv heads.
  public ConversionRequest withKvHeads(int heads) {
    return new ConversionRequest(
        target,
        givenProfile,
        OptionalInt.of(heads),
        latentHeads,
        latentDim,
        ropeDim,
        ropeTheta,
        dtype,
        maxShardBytes,
        requantize);
  }

  /// The same request for `heads` latents of `dim` elements.
  public ConversionRequest withLatents(int heads, int dim) {
    return new ConversionRequest(
        target,
        givenProfile,
        kvHeads,
        OptionalInt.of(heads),
        OptionalInt.of(dim),
        ropeDim,
        ropeTheta,
        dtype,
        maxShardBytes,
        requantize);
  }

  /// The same request for a latent of `dim` elements.
  public ConversionRequest withLatentDim(int dim) {
    return new ConversionRequest(
        target,
        givenProfile,
        kvHeads,
        latentHeads,
        OptionalInt.of(dim),
        ropeDim,
        ropeTheta,
        dtype,
        maxShardBytes,
        requantize);
  }

  /// The same request for a rotary key of `dim` elements.
  public ConversionRequest withRopeDim(int dim) {
    return new ConversionRequest(
        target,
        givenProfile,
        kvHeads,
        latentHeads,
        latentDim,
        OptionalInt.of(dim),
        ropeTheta,
        dtype,
        maxShardBytes,
        requantize);
  }

  /// The same request for a rotary table of base `theta`.
  public ConversionRequest withRopeTheta(double theta) {
    return new ConversionRequest(
        target,
        givenProfile,
        kvHeads,
        latentHeads,
        latentDim,
        ropeDim,
        OptionalDouble.of(theta),
        dtype,
        maxShardBytes,
        requantize);
  }

  /// The same request in another form.
  public ConversionRequest withProfile(Profile form) {
    return new ConversionRequest(
        target,
        Optional.of(form),
        kvHeads,
        latentHeads,
        latentDim,
        ropeDim,
        ropeTheta,
        dtype,
        maxShardBytes,
        requantize);
  }

  /// The same request with new tensors of another dtype.
  public ConversionRequest withDtype(Dtype written) {
    return new ConversionRequest(
        target,
        givenProfile,
        kvHeads,
        latentHeads,
        latentDim,
        ropeDim,
        ropeTheta,
        Optional.of(written),
        maxShardBytes,
        requantize);
  }

  /// The same request with files cut at so many bytes.
  public ConversionRequest withMaxShardBytes(long bytes) {
    return new ConversionRequest(
        target,
        givenProfile,
        kvHeads,
        latentHeads,
        latentDim,
        ropeDim,
        ropeTheta,
        dtype,
        bytes,
        requantize);
  }

  /// The same request with new tensors quantised as the source's are.
  public ConversionRequest withRequantize() {
    return new ConversionRequest(
        target,
        givenProfile,
        kvHeads,
        latentHeads,
        latentDim,
        ropeDim,
        ropeTheta,
        dtype,
        maxShardBytes,
        true);
  }
}
