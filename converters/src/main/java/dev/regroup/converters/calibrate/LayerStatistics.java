package dev.regroup.converters.calibrate;

import dev.regroup.runtime.linalg.Matrix;
import java.util.List;

/// Moments of one layer's attention over calibration tokens, all before rotation and after biases and
/// norms. Source: the design notes' statistics S1 to S5.
///
/// @param states second moment of what values and unrotated keys are linear in: for GQA the keys of all
///     kv heads, then their values, `[2·G·d, 2·G·d]`; for MLA the normed latent, `[r, r]`
/// @param queries second moment of each head's query, `[d_n + d_r, d_n + d_r]` each
/// @param sensitivity per head: what a unit of squared logit error costs in squared output error, the
///     squared softmax scale included
/// @param distances per head: attention mass by distance in tokens, summing to 1
/// @param participation the mean over queries and heads of Σ_j a_ij²: the share of independent errors of
///     single tokens that is left after attention has averaged them
/// @param tokens that were seen; 0 for a prior made from weights
public record LayerStatistics(
    Matrix states,
    List<Matrix> queries,
    double[] sensitivity,
    double[][] distances,
    double participation,
    long tokens) {
  public LayerStatistics {
    queries = List.copyOf(queries);
  }
}
