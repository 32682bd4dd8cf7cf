package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.runtime.DeviceException;
import dev.regroup.runtime.model.Backend;
import dev.regroup.runtime.train.TrainingMath;
import java.util.Optional;
import java.util.Set;

/// A problem, and what computes it where that is not the processor; closed with it.
record Workplace(FitProblem problem, Optional<TrainingMath> math) implements AutoCloseable {
  /// Relative to an error or to a map's gradient; rounding is some 1e-5 of them.
  private static final double AGREEMENT = 1e-2;

  /// On a backend's device where it has one; on the processor where the norm of latents is trained.
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
    Optional<TrainingMath> math = closed.norm().active() ? Optional.empty() : backend.training();
    if (math.isEmpty()) {
      return new Workplace(new HostProblem(windows, parts), math);
    }
    try {
      int count = split.fitted().length + split.held().length;
      var span = new DeviceProblem.Span(split.held()[0], count);
      var workplace =
          new Workplace(new DeviceProblem(math.get(), windows, closed, parts, span), math);
      int[] one = {split.held()[0]};
      requireAgreement(
          workplace.problem.gradient(closed, one),
          new HostProblem(windows, parts).gradient(closed, one));
      return workplace;
    } catch (RuntimeException e) {
      math.get().close();
      throw e;
    }
  }

  /// A device that computes something else than the definition must not decide what is written.
  ///
  /// @throws DeviceException where the two differ by more than rounding could
  static void requireAgreement(Gradient device, Gradient host) {
    require("error", Math.abs(device.error() - host.error()), host.error());
    host.maps()
        .values()
        .forEach(
            (part, expected) -> {
              float[] found = device.maps().get(part).clone();
              for (int i = 0; i < found.length; i++) {
                found[i] -= expected[i];
              }
              String what = "gradient of " + part;
              require(what, size(found), size(expected));
            });
  }

  /// No device has the transpose of a norm: {@link #open} does not bring one such a layer.
  static IllegalArgumentException normOnDevice() {
    return new IllegalArgumentException("norms are trained on the processor");
  }

  private static double size(float[] elements) {
    return Math.sqrt(HostProblem.squares(elements));
  }

  private static void require(String what, double difference, double size) {
    if (!(difference <= AGREEMENT * size + Float.MIN_NORMAL)) {
      throw new DeviceException(
          ("fit: %s: expected the CPU's %.3g, found %.3g off on the device -> use --device cpu,"
                  + " and report it")
              .formatted(what, size, difference));
    }
  }

  @Override
  public void close() {
    problem.close();
    math.ifPresent(TrainingMath::close);
  }
}
