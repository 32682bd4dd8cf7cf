package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.Panel;
import dev.regroup.runtime.train.Product;
import dev.regroup.runtime.train.Product.Batch;
import dev.regroup.runtime.train.Product.Factors;
import dev.regroup.runtime.train.Product.Sizes;
import dev.regroup.runtime.train.TrainingMath;
import java.util.Arrays;
import java.util.Set;

/// {@link HostProblem} on a device: many windows at once, in as few parts as its memory allows.
final class DeviceProblem implements FitProblem {
  /// Of the memory that is free: for intermediate results, and for windows to keep.
  private static final double WORK_SHARE = 0.4;

  private static final double KEPT_SHARE = 0.45;

  /// Windows at once; more of them would only wait for each other.
  private static final int MOST_WINDOWS = 32;

  private final TrainingMath math;
  private final Set<Part> parts;
  private final LayerShape shape;
  private final int capacity;
  private final DeviceInputs inputs;
  private final DevicePass pass;
  private final DeviceAdjoint adjoint;
  private final Memory error;

  /// @param math closed by the caller, after this
  /// @param layer whose shape all layers have that are asked for
  /// @param parts the maps that may change
  DeviceProblem(
      TrainingMath math, Windows windows, FactoredAttention layer, Set<Part> parts, Span span) {
    this.math = math;
    this.parts = parts;
    Inputs example = windows.inputs(span.example());
    shape = LayerShape.of(layer, example);
    long window = DeviceInputs.elements(shape);
    long work = (DevicePass.elements(shape) + DeviceAdjoint.elements(shape)) * shape.tokens();
    long free = math.available();
    capacity = fitting(free, WORK_SHARE, work + window, Math.min(MOST_WINDOWS, span.count()));
    int kept = fitting(free, KEPT_SHARE, window, span.count());
    inputs =
        new DeviceInputs(math, windows, shape, example, new DeviceInputs.Rooms(capacity, kept));
    pass = new DevicePass(math, layer, shape, capacity);
    adjoint = new DeviceAdjoint(math, pass, capacity);
    error = math.allocate(1);
  }

  /// Windows that will be asked for.
  ///
  /// @param example one of them
  record Span(int example, int count) {}

  private static int fitting(long free, double share, long each, int most) {
    return (int) Math.max(1, Math.min(most, (long) (free * share / each)));
  }

  TrainingMath math() {
    return math;
  }

  /// Told of each part of a batch, once it was run.
  private interface Visitor {
    void run(int[] some, boolean first);
  }

  private void run(DeviceMaps maps, int[] windows, Visitor visitor) {
    for (int first = 0; first < windows.length; first += capacity) {
      int[] some = Arrays.copyOfRange(windows, first, Math.min(windows.length, first + capacity));
      inputs.bring(some);
      pass.run(maps, inputs, some.length);
      visitor.run(some, first == 0);
    }
  }

  private void residual(int windows, double scale, Memory errors, int slot, boolean first) {
    math.residual(
        pass.output(),
        inputs.target(),
        (long) windows * shape.tokens() * shape.hidden(),
        (float) scale,
        errors,
        slot,
        !first);
  }

  /// Writes the gradient of a batch, and at `errors[slot]` its squared error.
  ///
  /// @return what the squared error is relative to
  double gradient(DeviceMaps maps, int[] batch, DeviceMaps gradient, Memory errors, int slot) {
    if (batch.length == 0) {
      throw new IllegalArgumentException("expected at least one window");
    }
    double size = inputs.size(batch);
    run(
        maps,
        batch,
        (some, first) -> {
          residual(some.length, 2 / size, errors, slot, first);
          adjoint.pull(maps, pass.output(), some.length);
          for (Part part : parts) {
            adjoint.weights(part, maps, inputs, some.length, gradient.get(part), !first);
          }
        });
    return size;
  }

  double error(DeviceMaps maps, int[] some) {
    run(maps, some, (few, first) -> residual(few.length, 1, error, 0, first));
    return DeviceMaps.floats(error)[0] / inputs.size(some);
  }

  @Override
  public Gradient gradient(FactoredAttention layer, int[] batch) {
    try (var maps = new DeviceMaps(math, layer);
        DeviceMaps gradient = DeviceMaps.gradients(math, layer, parts)) {
      double size = gradient(maps, batch, gradient, error, 0);
      return new Gradient(DeviceMaps.floats(error)[0] / size, gradient.read(parts));
    }
  }

  @Override
  public double error(FactoredAttention layer, int[] some) {
    try (var maps = new DeviceMaps(math, layer)) {
      return error(maps, some);
    }
  }

  @Override
  public Moments moments(FactoredAttention layer, int[] some, long seed) {
    try (var maps = new DeviceMaps(math, layer);
        var sums = new DeviceMoments(math, layer, parts, shape)) {
      run(
          maps,
          some,
          (few, first) -> {
            int window = shape.tokens() * shape.hidden();
            for (int i = 0; i < few.length; i++) {
              FloatBlock signs = HostProblem.signs(shape.tokens(), shape.hidden(), seed + few[i]);
              pass.output().upload(signs.elements(), (long) i * window);
            }
            adjoint.pull(maps, pass.output(), few.length);
            sums.add(pass, adjoint, inputs, few.length);
          });
      return sums.moments();
    }
  }

  @Override
  public double[] outputSums(FactoredAttention layer, int[] some) {
    int width = shape.values();
    double[] sums = new double[width * (width + shape.hidden())];
    try (var maps = new DeviceMaps(math, layer);
        Memory heads = math.allocate((long) width * width);
        Memory targets = math.allocate((long) width * shape.hidden())) {
      run(
          maps,
          some,
          (few, first) -> {
            int rows = few.length * shape.tokens();
            outer(rows, pass.heads(), width, heads);
            outer(rows, inputs.target(), shape.hidden(), targets);
            add(sums, 0, DeviceMaps.floats(heads));
            add(sums, width * width, DeviceMaps.floats(targets));
          });
    }
    return sums;
  }

  /// `to = headsᵀ · x`.
  private void outer(int rows, Memory x, int columns, Memory to) {
    int width = shape.values();
    math.multiply(
        Product.of(
            Form.LEFT_TRANSPOSED,
            false,
            Batch.ONE,
            new Sizes(width, columns, rows),
            new Factors(
                Panel.of(pass.heads(), width), Panel.of(x, columns), Panel.of(to, columns))));
  }

  static void add(double[] sums, int first, float[] share) {
    for (int i = 0; i < share.length; i++) {
      sums[first + i] += share[i];
    }
  }

  @Override
  public Trainee trainee(FactoredAttention start, Set<Part> trained, Moments moments) {
    return new DeviceTrainee(this, start, trained, moments);
  }

  @Override
  public void close() {
    error.close();
    adjoint.close();
    pass.close();
    inputs.close();
  }
}
