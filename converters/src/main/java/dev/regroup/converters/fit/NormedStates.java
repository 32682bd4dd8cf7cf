package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.LatentNorm;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.model.AttentionSublayers;
import dev.regroup.runtime.model.Operations;
import java.util.Arrays;

/// States behind the RMS norm of each latent, and the transpose of that norm's derivative.
final class NormedStates {
  private NormedStates() {}

  /// `[tokens, n·d_c]` of latents of that shape.
  static FloatBlock of(LatentNorm norm, Extents extents, FloatBlock latents) {
    int dim = extents.stateDim();
    float[] gains = norm.written(dim);
    FloatBlock states = FloatBlock.zeros(latents.rows(), latents.columns());
    for (int latent = 0; latent < extents.states(); latent++) {
      float[] normed =
          Operations.fast()
              .rmsNorm(
                  rows(latents, latent, dim),
                  gains(gains, latent, dim),
                  AttentionSublayers.LATENT_NORM_EPSILON);
      put(normed, states, latent, dim);
    }
    return states;
  }

  /// Pulled back from states to latents, `[tokens, n·d_c]`.
  ///
  /// @param byGain where the derivative by the norm's gains goes
  static FloatBlock pull(
      LatentNorm norm, Extents extents, FloatBlock latents, FloatBlock pulled, float[] byGain) {
    int dim = extents.stateDim();
    float[] gains = norm.written(dim);
    FloatBlock byLatents = FloatBlock.zeros(latents.rows(), latents.columns());
    for (int latent = 0; latent < extents.states(); latent++) {
      float[] byWritten = new float[dim];
      float[] pulledRows =
          Operations.fast()
              .pullRmsNorm(
                  rows(latents, latent, dim),
                  gains(gains, latent, dim),
                  AttentionSublayers.LATENT_NORM_EPSILON,
                  rows(pulled, latent, dim),
                  byWritten);
      put(pulledRows, byLatents, latent, dim);
      for (int i = 0; i < dim; i++) {
        byGain[latent * dim + i] = (float) (byWritten[i] * LatentNorm.unit(i, dim));
      }
    }
    return byLatents;
  }

  private static float[] gains(float[] all, int latent, int dim) {
    return Arrays.copyOfRange(all, latent * dim, (latent + 1) * dim);
  }

  /// One latent of all tokens, contiguous.
  private static float[] rows(FloatBlock all, int latent, int dim) {
    float[] rows = new float[all.rows() * dim];
    for (int t = 0; t < all.rows(); t++) {
      System.arraycopy(
          all.elements(), all.offset() + t * all.stride() + latent * dim, rows, t * dim, dim);
    }
    return rows;
  }

  private static void put(float[] rows, FloatBlock all, int latent, int dim) {
    for (int t = 0; t < all.rows(); t++) {
      System.arraycopy(rows, t * dim, all.elements(), t * all.stride() + latent * dim, dim);
    }
  }
}
