package dev.regroup.converters.fit;

import dev.regroup.runtime.linalg.FloatBlock;

/// What a layer's maps read and should give over each calibration window.
interface Windows {
  /// What the maps read over one window.
  Inputs inputs(int window);

  /// What the maps should give over one window, `[tokens, D]`.
  FloatBlock target(int window);

  /// The squared size of what the source gives over one window: what errors are relative to.
  double size(int window);
}
