package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import java.util.Set;

/// What a layer is fitted to: errors over windows, and their derivatives. All heavy work of a fit is
/// behind these verbs; a device that has them can fit.
///
/// Results do not depend on the number of threads.
interface FitProblem extends AutoCloseable {
  /// The relative squared error over a batch of windows, and its derivative by the layer's maps.
  ///
  /// @param windows indices into the calibration windows
  Gradient gradient(FactoredAttention layer, int[] windows);

  /// The relative squared error over some windows.
  double error(FactoredAttention layer, int[] windows);

  /// Second moments of what the maps read and of how the output depends on what they give, over some
  /// windows; see {@link Moments}.
  Moments moments(FactoredAttention layer, int[] windows, long seed);

  /// What {@link OutputRefit} solves from: `headsᵀ · heads`, then `headsᵀ · targets`, summed over some
  /// windows.
  double[] outputSums(FactoredAttention layer, int[] windows);

  /// A layer to be trained on this problem, in {@link EigenAdam}'s steps; closed before the problem.
  ///
  /// @param parts the maps that change, a subset of this problem's
  /// @param moments of `start`
  Trainee trainee(FactoredAttention start, Set<Part> parts, Moments moments);

  @Override
  void close();
}
