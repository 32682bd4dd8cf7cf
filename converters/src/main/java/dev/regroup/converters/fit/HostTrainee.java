package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import java.util.Set;

/// Training on the processor: every gradient of a problem goes to {@link EigenAdam}.
final class HostTrainee implements Trainee {
  private final FitProblem problem;
  private final Maps maps;
  private final FactoredAttention live;
  private final EigenAdam adam;
  private double error;

  HostTrainee(FitProblem problem, FactoredAttention start, Set<Part> parts, Moments moments) {
    this.problem = problem;
    maps = Maps.of(start, parts).copy();
    live = maps.in(start);
    adam = new EigenAdam(maps, Extents.of(start), moments);
  }

  @Override
  public void step(int[] windows, double rate) {
    Gradient gradient = problem.gradient(live, windows);
    error = gradient.error();
    if (Double.isFinite(error)) {
      adam.step(gradient.maps(), rate);
    }
  }

  @Override
  public int patience() {
    return 1;
  }

  @Override
  public double[] errors() {
    return new double[] {error};
  }

  @Override
  public double error(int[] windows) {
    return problem.error(live, windows);
  }

  @Override
  public Maps maps() {
    return maps.copy();
  }

  @Override
  public void close() {}
}
