package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.train.Accuracy;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.Product;
import dev.regroup.runtime.train.TrainingMath;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// {@link TrainingMath} of a GPU that tells, where it is asked to, how much device time its parts take.
public final class TimedTraining implements TrainingMath {
  private final CudaContext context;
  private final StreamTraining math;
  private final List<Span> spans = new ArrayList<>();
  private boolean timing;

  /// What a step is made of.
  public enum Kind {
    /// Products of the forward and the backward pass, by what they make.
    MAPS,
    SCORES,
    /// Factors rounded that were not given as such.
    ROUNDING,
    SOFTMAX,
    /// Rotation, biases, sums over heads, the difference to the target, windows brought to hand.
    ELEMENTS,
    /// Products with eigenvectors, and Adam.
    OPTIMIZER
  }

  /// Operations that are alike.
  ///
  /// @param what an operation's name, or a product's extents: members, rows, columns, depth
  public record Part(Kind kind, String what) {}

  private record Span(Part part, CudaEvent begin, CudaEvent end) {}

  /// @param context closed by the caller, after this
  /// @param accuracy the least that will do
  public TimedTraining(CudaContext context, Accuracy accuracy) {
    this.context = context;
    math = CudaBackend.training(context, accuracy);
  }

  /// What computes products.
  public String products() {
    return math.products();
  }

  /// From now on, every operation's time is taken; that costs some.
  public void start() {
    timing = true;
  }

  /// Milliseconds of device time since the start, by part.
  public Map<Part, Double> stop() {
    timing = false;
    context.synchronize();
    Map<Part, Double> sums = new LinkedHashMap<>();
    for (Span span : spans) {
      sums.merge(span.part, (double) span.end.millisecondsSince(span.begin), Double::sum);
      span.begin.close();
      span.end.close();
    }
    spans.clear();
    return sums;
  }

  private void timed(Kind kind, String what, Runnable work) {
    if (!timing) {
      work.run();
      return;
    }
    CudaEvent begin = context.event().record(math.stream());
    work.run();
    spans.add(new Span(new Part(kind, what), begin, context.event().record(math.stream())));
  }

  @Override
  public Accuracy accuracy() {
    return math.accuracy();
  }

  @Override
  public int zeroed() {
    return math.zeroed();
  }

  @Override
  public Memory allocate(long length) {
    return math.allocate(length);
  }

  @Override
  public Memory allocateFactor(long length) {
    return math.allocateFactor(length);
  }

  @Override
  public long available() {
    return math.available();
  }

  @Override
  public void multiply(Product product) {
    if (timing && math instanceof RoundedTraining rounded) {
      timed(Kind.ROUNDING, "round", () -> rounded.round(product));
    }
    boolean square = product.triangle() != Product.Triangle.NONE;
    timed(square ? Kind.SCORES : Kind.MAPS, describe(product), () -> math.multiply(product));
  }

  private String describe(Product product) {
    if (!timing) {
      return "";
    }
    Product.Sizes sizes = product.sizes();
    return "%d of %d x %d x %d %s%s"
        .formatted(
            product.batch().outer() * product.batch().inner(),
            sizes.rows(),
            sizes.columns(),
            sizes.depth(),
            product.form(),
            product.add() ? " added" : "");
  }

  @Override
  public void multiplyFinely(Product product) {
    timed(Kind.OPTIMIZER, describe(product), () -> math.multiplyFinely(product));
  }

  @Override
  public void gather(Memory from, Memory to, int[] blocks, int each) {
    timed(Kind.ELEMENTS, "gather", () -> math.gather(from, to, blocks, each));
  }

  @Override
  public void addBias(Memory x, Memory bias, int rows) {
    timed(Kind.ELEMENTS, "addBias", () -> math.addBias(x, bias, rows));
  }

  @Override
  public void rotate(Memory x, int rows, Slices slices, Rope rope, int tokens) {
    timed(Kind.ELEMENTS, "rotate", () -> math.rotate(x, rows, slices, rope, tokens));
  }

  @Override
  public void causalSoftmax(Memory scores, HeadRows rows, int window) {
    timed(Kind.SOFTMAX, "causalSoftmax", () -> math.causalSoftmax(scores, rows, window));
  }

  @Override
  public void unweigh(
      Memory scores,
      Memory probabilities,
      Memory outputs,
      Memory heads,
      HeadRows rows,
      float scale) {
    timed(
        Kind.SOFTMAX,
        "unweigh",
        () -> math.unweigh(scores, probabilities, outputs, heads, rows, scale));
  }

  @Override
  public void rmsNorm(Memory x, Memory y, Norm norm) {
    timed(Kind.ELEMENTS, "rmsNorm", () -> math.rmsNorm(x, y, norm));
  }

  @Override
  public void pullRmsNorm(Memory x, Memory pulled, Memory byX, Norm norm) {
    timed(Kind.ELEMENTS, "pullRmsNorm", () -> math.pullRmsNorm(x, pulled, byX, norm));
  }

  @Override
  public void pullRmsNormGains(Memory x, Memory pulled, Memory byGain, Norm norm, boolean add) {
    timed(
        Kind.ELEMENTS,
        "pullRmsNormGains",
        () -> math.pullRmsNormGains(x, pulled, byGain, norm, add));
  }

  @Override
  public void fold(Memory from, Memory to, Fold fold, boolean add) {
    timed(Kind.ELEMENTS, "fold", () -> math.fold(from, to, fold, add));
  }

  @Override
  public void residual(
      Memory output, Memory target, long count, float scale, Memory errors, int slot, boolean add) {
    timed(
        Kind.ELEMENTS,
        "residual",
        () -> math.residual(output, target, count, scale, errors, slot, add));
  }

  @Override
  public void follow(Memory gradient, Memory mean, Memory square, Follow follow) {
    timed(Kind.OPTIMIZER, "follow", () -> math.follow(gradient, mean, square, follow));
  }

  @Override
  public void move(Memory values, Memory gradient, Memory step, float length) {
    timed(Kind.OPTIMIZER, "move", () -> math.move(values, gradient, step, length));
  }

  @Override
  public void close() {
    math.close();
  }
}
