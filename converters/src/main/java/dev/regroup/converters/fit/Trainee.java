package dev.regroup.converters.fit;

/// A layer under training. Its maps are where its problem is computed; see {@link FitProblem#trainee}.
interface Trainee extends AutoCloseable {
  /// Takes a step of {@link EigenAdam} along the gradient of a batch of windows.
  ///
  /// @param rate how far an element moves, relative to its map's root mean square
  void step(int[] windows, double rate);

  /// Steps after which {@link #errors} should be asked at the latest.
  int patience();

  /// The relative squared errors of the batches since the last call, before their steps, in order.
  double[] errors();

  /// The relative squared error over some windows, now.
  double error(int[] windows);

  /// A copy of the maps.
  Maps maps();

  @Override
  void close();
}
