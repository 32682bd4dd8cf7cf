package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.runtime.model.Backend;
import dev.regroup.runtime.train.TrainingMath;
import java.util.Optional;
import java.util.Set;

/// A problem, and what computes it where that is not the processor; closed with it.
record Workplace(FitProblem problem, Optional<TrainingMath> math) implements AutoCloseable {
  /// On a backend's device where it has one.
  ///
  /// @param closed a layer of the shape that is fitted
  /// @param parts the maps that may change
  /// @param split windows that will be asked for
  static Workplace open(
      Backend backend,
      Windows windows,
      FactoredAttention closed,
      Set<Part> parts,
      Training.Split split) {
    Optional<TrainingMath> math = backend.training();
    if (math.isEmpty()) {
      return new Workplace(new HostProblem(windows, parts), math);
    }
    try {
      int count = split.fitted().length + split.held().length;
      var span = new DeviceProblem.Span(split.held()[0], count);
      return new Workplace(new DeviceProblem(math.get(), windows, closed, parts, span), math);
    } catch (RuntimeException e) {
      math.get().close();
      throw e;
    }
  }

  @Override
  public void close() {
    problem.close();
    math.ifPresent(TrainingMath::close);
  }
}
