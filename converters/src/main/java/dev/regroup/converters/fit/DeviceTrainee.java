package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.runtime.train.Memory;
import java.util.Set;

/// Training on a device: maps, gradients and moments stay there, and steps follow each other without
/// waiting for the host, which reads errors now and then.
final class DeviceTrainee implements Trainee {
  private static final int PATIENCE = 25;

  private final DeviceProblem problem;
  private final Set<Part> parts;
  private final DeviceMaps maps;
  private final DeviceMaps gradient;
  private final DeviceAdam adam;
  private final Memory errors;
  private final double[] sizes = new double[PATIENCE];
  private int unread;

  DeviceTrainee(DeviceProblem problem, FactoredAttention start, Set<Part> parts, Moments moments) {
    this.problem = problem;
    this.parts = parts;
    maps = new DeviceMaps(problem.math(), start);
    gradient = DeviceMaps.gradients(problem.math(), start, parts);
    adam = new DeviceAdam(problem.math(), Maps.of(start, parts), Extents.of(start), moments);
    errors = problem.math().allocate(PATIENCE);
  }

  /// A step along a gradient that is not finite makes the maps so, and shows in the next error.
  @Override
  public void step(int[] windows, double rate) {
    if (unread == PATIENCE) {
      throw new IllegalStateException("errors of %d steps were not asked for".formatted(unread));
    }
    sizes[unread] = problem.gradient(maps, windows, gradient, errors, unread);
    unread++;
    adam.step(maps, gradient, rate);
  }

  @Override
  public int patience() {
    return PATIENCE;
  }

  @Override
  public double[] errors() {
    float[] squares = DeviceMaps.floats(errors);
    double[] relative = new double[unread];
    for (int i = 0; i < unread; i++) {
      relative[i] = squares[i] / sizes[i];
    }
    unread = 0;
    return relative;
  }

  @Override
  public double error(int[] windows) {
    return problem.error(maps, windows);
  }

  @Override
  public Maps maps() {
    return maps.read(parts);
  }

  @Override
  public void close() {
    errors.close();
    adam.close();
    gradient.close();
    maps.close();
  }
}
