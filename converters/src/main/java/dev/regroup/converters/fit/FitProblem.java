package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;

/// What a layer is fitted to: errors over windows, and their derivatives. All heavy work of a fit is
/// behind these two verbs; a device that has them can fit.
///
/// Results do not depend on the number of threads.
interface FitProblem {
  /// The relative squared error over a batch of windows, and its derivative by the layer's maps.
  ///
  /// @param windows indices into the calibration windows
  Gradient gradient(FactoredAttention layer, int[] windows);

  /// The relative squared error over some windows.
  double error(FactoredAttention layer, int[] windows);

  /// Second moments of what the maps read and of how the output depends on what they give, over some
  /// windows; see {@link Moments}.
  Moments moments(FactoredAttention layer, int[] windows, long seed);
}
