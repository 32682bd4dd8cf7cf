package dev.regroup.converters.closedform;

import dev.regroup.formats.attention.AttentionSpec;
import java.util.Arrays;

/// The RMS norm of a layer's latents as a fit trains it: gains, relative to those that leave small
/// latents as they are.
///
/// A latent is `[W x + b ; w x + B]` before its norm, where the {@link #anchor} B is large beside
/// `|W x + b|`. Behind it, the first elements are `gain · (W x + b) / √(1 + |W x + b|²/B²)`: a linear
/// latent, but for what the root does, which steps are free to use. The last one is `gain` where the
/// root is 1: a constant that values can be made of, for which a linear latent has no room.
///
/// @param gains `[n·d_c]`, 1 where nothing was trained; empty where the norm has no part in the layer's
///     mathematics: there is none, or {@link NormAnchor} keeps it from doing anything
public record LatentNorm(float[] gains) {
  /// No norm.
  public static final LatentNorm NONE = new LatentNorm(new float[0]);

  /// B over the root of the latents' mean square, which is that of their length, at least: the root
  /// above then differs from 1 by 1/128 for a latent of usual size.
  private static final double DISTANCE = 8;

  /// The norm that leaves latents as they are, of `latents` of `dim` elements.
  static LatentNorm untrained(int latents, int dim) {
    float[] gains = new float[latents * dim];
    Arrays.fill(gains, 1);
    return new LatentNorm(gains);
  }

  /// Whether a layer's form has a norm of latents that a conversion makes.
  public static boolean trainable(AttentionSpec spec) {
    return NormAnchor.in(spec);
  }

  /// Whether there is one.
  public boolean active() {
    return gains.length > 0;
  }

  /// B of latents of `dim` elements: a power of two, and so exact in every dtype.
  static double anchor(int dim) {
    return Math.scalb(1.0, (int) Math.ceil(Math.log(DISTANCE * Math.sqrt(dim)) / Math.log(2)));
  }

  /// What the norm multiplies an element by where its gain here is 1.
  ///
  /// @param element of a latent of `dim`
  public static double unit(int element, int dim) {
    return (element == dim - 1 ? 1 : anchor(dim)) / Math.sqrt(dim);
  }

  /// The gains as an RMS norm has them, `[n·d_c]`.
  public float[] written(int dim) {
    float[] written = new float[gains.length];
    for (int i = 0; i < written.length; i++) {
      written[i] = (float) (gains[i] * unit(i % dim, dim));
    }
    return written;
  }
}
