package dev.regroup.converters.plan;

import dev.regroup.formats.tensor.Dtype;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Consumer;

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
/// @param maxShardBytes of a file; by default the output has a file for each of the source's, and only
///     those over {@link #LARGE_SHARD_BYTES} are cut
/// @param requantize whether new tensors are quantised as the source's are; by default they are not
/// @param wholeFit whether a fit may change the query and output projections of an MLA source that
///     becomes GLA, which are then written anew; by default they stay, byte for byte
public record ConversionRequest(
    TargetLayout target,
    Optional<Profile> givenProfile,
    OptionalInt kvHeads,
    OptionalInt latentHeads,
    OptionalInt latentDim,
    OptionalInt ropeDim,
    OptionalDouble ropeTheta,
    Optional<Dtype> dtype,
    OptionalLong maxShardBytes,
    boolean requantize,
    boolean wholeFit) {
  /// 5 GB, what Hugging Face cuts at.
  public static final long LARGE_SHARD_BYTES = 5_000_000_000L;

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
        OptionalLong.empty(),
        false,
        false);
  }

  /// In whose form the target is written.
  public Profile profile() {
    return givenProfile.orElse(target == TargetLayout.MLA ? Profile.DEEPSEEK_V2 : Profile.REGROUP);
  }

  /// The same request for so many kv heads.
  public ConversionRequest withKvHeads(int heads) {
    return with(draft -> draft.kvHeads = OptionalInt.of(heads));
  }

  /// The same request for `heads` latents of `dim` elements.
  public ConversionRequest withLatents(int heads, int dim) {
    return with(draft -> draft.latentHeads = OptionalInt.of(heads)).withLatentDim(dim);
  }

  /// The same request for a latent of `dim` elements.
  public ConversionRequest withLatentDim(int dim) {
    return with(draft -> draft.latentDim = OptionalInt.of(dim));
  }

  /// The same request for a rotary key of `dim` elements.
  public ConversionRequest withRopeDim(int dim) {
    return with(draft -> draft.ropeDim = OptionalInt.of(dim));
  }

  /// The same request for a rotary table of base `theta`.
  public ConversionRequest withRopeTheta(double theta) {
    return with(draft -> draft.ropeTheta = OptionalDouble.of(theta));
  }

  /// The same request in another form.
  public ConversionRequest withProfile(Profile form) {
    return with(draft -> draft.profile = Optional.of(form));
  }

  /// The same request with new tensors of another dtype.
  public ConversionRequest withDtype(Dtype written) {
    return with(draft -> draft.dtype = Optional.of(written));
  }

  /// The same request with files cut at so many bytes.
  public ConversionRequest withMaxShardBytes(long bytes) {
    return with(draft -> draft.maxShardBytes = OptionalLong.of(bytes));
  }

  /// The same request with new tensors quantised as the source's are.
  public ConversionRequest withRequantize() {
    return with(draft -> draft.requantize = true);
  }

  /// The same request for a fit of all that attention computes with.
  public ConversionRequest withWholeFit() {
    return with(draft -> draft.wholeFit = true);
  }

  private ConversionRequest with(Consumer<Draft> change) {
    var draft = new Draft(this);
    change.accept(draft);
    return draft.request();
  }

  /// A request that can still be changed: its fields are spelled out here and nowhere else.
  private static final class Draft {
    private final TargetLayout target;
    private Optional<Profile> profile;
    private OptionalInt kvHeads;
    private OptionalInt latentHeads;
    private OptionalInt latentDim;
    private OptionalInt ropeDim;
    private OptionalDouble ropeTheta;
    private Optional<Dtype> dtype;
    private OptionalLong maxShardBytes;
    private boolean requantize;
    private boolean wholeFit;

    Draft(ConversionRequest from) {
      target = from.target;
      profile = from.givenProfile;
      kvHeads = from.kvHeads;
      latentHeads = from.latentHeads;
      latentDim = from.latentDim;
      ropeDim = from.ropeDim;
      ropeTheta = from.ropeTheta;
      dtype = from.dtype;
      maxShardBytes = from.maxShardBytes;
      requantize = from.requantize;
      wholeFit = from.wholeFit;
    }

    ConversionRequest request() {
      return new ConversionRequest(
          target,
          profile,
          kvHeads,
          latentHeads,
          latentDim,
          ropeDim,
          ropeTheta,
          dtype,
          maxShardBytes,
          requantize,
          wholeFit);
    }
  }
}
