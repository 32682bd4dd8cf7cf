package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.ForwardBench;
import dev.regroup.runtime.cuda.TimedTraining;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.train.Accuracy;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// How long a fit takes at full width: one attention layer of DeepSeek-Coder-V2 on a GPU, weights and
/// windows random.
public final class WideFitBench {
  private static final int HIDDEN = 5120;
  private static final int HEADS = 128;
  private static final int QUERY_RANK = 1536;
  private static final int LATENT = 512;
  private static final int HEAD_DIM = 128;
  private static final int ROPE_DIM = 64;

  /// Windows tried on, as many as a fit holds back.
  private static final int HELD = 16;

  /// Random numbers that a core makes at a time.
  private static final int CHUNK = 1 << 20;

  private static final int WARM_UP = 4;
  private static final int TIMED = 3;
  private static final double RATE = 1e-3;

  private static final Set<Part> TRAINED =
      EnumSet.of(Part.QUERY, Part.STATE, Part.KEY_UP, Part.VALUE_UP, Part.OUTPUT);

  private final Shape shape;
  private final FactoredAttention layer;

  private WideFitBench(Shape shape) {
    this.shape = shape;
    layer = layer(shape);
  }

  /// A form of the layer, and what a step sees.
  ///
  /// @param latents of `latentDim` elements each
  public record Shape(int latents, int latentDim, int windows, int tokens) {}

  /// What was measured.
  ///
  /// @param products what computed products
  /// @param productTeraflops of one large BF16 product
  /// @param opening seconds until a step can be made: maps brought to the device, the first gradient
  ///     held to the processor's, eigenvectors
  /// @param step seconds of one
  /// @param parts milliseconds of a step's parts, measured apart
  /// @param trial seconds of an error over the windows held back, and of maps read back
  /// @param upload seconds of bringing a window to the device
  /// @param flops of a step's products: forward, by maps and by what lies before them; of attention the
  ///     half below the diagonal; the optimizer's not counted
  public record Result(
      Shape shape,
      String products,
      double productTeraflops,
      double opening,
      double step,
      Map<TimedTraining.Part, Double> parts,
      double trial,
      double upload,
      double flops,
      long peakBytes) {
    /// TFLOP/s of a step.
    public double teraflops() {
      return flops / step / 1e12;
    }

    /// Seconds of a fit of so many such layers, as if all its windows were uploaded once a layer and
    /// ten trials were each the best so far.
    public double seconds(int layers, int steps, int windows) {
      return layers * (opening + steps * step + 10 * trial + (windows + HELD) * upload);
    }
  }

  /// To two latents and to eight, each of half the elements of the source's.
  public static final List<Shape> SHAPES =
      List.of(new Shape(2, 256, 16, 512), new Shape(2, 256, 4, 2048), new Shape(8, 256, 16, 512));

  /// Measures some steps.
  public static Result run(CudaContext context, Shape shape, int steps) {
    double rate = ForwardBench.productTeraflops(context);
    context.resetPeak();
    return new WideFitBench(shape).measure(context, steps, rate);
  }

  private Result measure(CudaContext context, int steps, double rate) {
    var windows = new RandomWindows(shape.tokens());
    int[] fitted = IntStream.range(0, 2 * shape.windows()).toArray();
    int[] held = IntStream.range(fitted.length, fitted.length + HELD).toArray();
    var split = new Training.Split(fitted, held);
    var math = new TimedTraining(context, Accuracy.BFLOAT16);
    long begin = System.nanoTime();
    try (Workplace workplace = Workplace.on(math, windows, layer, TRAINED, split)) {
      FitProblem problem = workplace.problem();
      double opened = since(begin);
      double upload = upload(problem, split);
      begin = System.nanoTime();
      Moments moments = problem.moments(layer, Training.spread(fitted, 16), 1);
      try (Trainee trainee = problem.trainee(layer, TRAINED, moments)) {
        opened += since(begin);
        var order = new WindowOrder(fitted, 1);
        take(trainee, order, WARM_UP);
        double step = take(trainee, order, steps) / steps;
        math.start();
        take(trainee, order, TIMED);
        Map<TimedTraining.Part, Double> parts = math.stop();
        parts.replaceAll((part, milliseconds) -> milliseconds / TIMED);
        begin = System.nanoTime();
        double error = trainee.error(held);
        long read = trainee.maps().length();
        double trial = since(begin);
        if (!Double.isFinite(error) || read == 0) {
          throw new IllegalStateException("the fit came to an error of " + error);
        }
        return new Result(
            shape,
            math.products(),
            rate,
            opened,
            step,
            parts,
            trial,
            upload,
            flops(),
            context.peakBytes());
      }
    }
  }

  /// Seconds of bringing a window to the device: what the first error over some takes beyond the second.
  private double upload(FitProblem problem, Training.Split split) {
    long begin = System.nanoTime();
    problem.error(layer, split.fitted());
    double first = since(begin);
    begin = System.nanoTime();
    problem.error(layer, split.fitted());
    double second = since(begin);
    problem.error(layer, split.held());
    return Math.max(0, first - second) / split.fitted().length;
  }

  /// Seconds of some steps.
  private double take(Trainee trainee, WindowOrder order, int steps) {
    long begin = System.nanoTime();
    for (int step = 1; step <= steps; step++) {
      trainee.step(order.next(shape.windows()), RATE);
      if (step % trainee.patience() == 0 || step == steps) {
        trainee.errors();
      }
    }
    return since(begin);
  }

  private static double since(long begin) {
    return (System.nanoTime() - begin) / 1e9;
  }

  private double flops() {
    double trained = Maps.of(layer, TRAINED).length();
    double all = trained + layer.ropeKey().length;
    double before = Maps.of(layer, Set.of(Part.KEY_UP, Part.VALUE_UP, Part.OUTPUT)).length();
    double attention = HEADS * (2.0 * HEAD_DIM + ROPE_DIM) * (shape.tokens() + 1);
    double tokens = (double) shape.windows() * shape.tokens();
    return tokens * (2 * (all + trained + before) + 3 * attention);
  }

  private static FactoredAttention layer(Shape shape) {
    var layout = new Gla(HEADS, shape.latents(), shape.latentDim(), HEAD_DIM, ROPE_DIM, HEAD_DIM);
    var spec =
        new AttentionSpec(
            layout,
            new QueryPath.LowRank(QUERY_RANK, false),
            new StatePath.Latent(LATENT, true, true, false),
            Rope.standard(ROPE_DIM, 10000, true),
            1 / Math.sqrt(HEAD_DIM + ROPE_DIM),
            false,
            0);
    int states = shape.latents() * shape.latentDim();
    int up = HEADS * HEAD_DIM * shape.latentDim();
    return new FactoredAttention(
        spec,
        values(1, HEADS * layout.queryDim() * QUERY_RANK, QUERY_RANK),
        values(2, states * LATENT, LATENT),
        values(3, ROPE_DIM * HIDDEN, HIDDEN),
        values(4, up, shape.latentDim()),
        values(5, up, shape.latentDim()),
        values(6, HIDDEN * HEADS * HEAD_DIM, HEADS * HEAD_DIM),
        FactoredAttention.Biases.none());
  }

  /// As {@link FitBench#values}, by all cores.
  private static float[] values(long seed, int count, int in) {
    float[] values = new float[count];
    int chunks = Math.ceilDiv(count, CHUNK);
    Parallel.forEach(
        chunks,
        chunk -> {
          int first = chunk * CHUNK;
          int some = Math.min(CHUNK, count - first);
          var random = new SplittableRandom(seed << 32 | chunk);
          System.arraycopy(FitBench.values(random, some, in), 0, values, first, some);
        });
    return values;
  }

  /// Random inputs and targets; a few of them in turn, all of which are uploaded as if they differed.
  private static final class RandomWindows implements Windows {
    private static final int DIFFERENT = 4;

    private final List<Inputs> inputs;
    private final List<FloatBlock> targets;
    private final double[] sizes;

    RandomWindows(int tokens) {
      inputs =
          IntStream.range(0, DIFFERENT)
              .mapToObj(
                  i ->
                      new Inputs(
                          block(10 + i, tokens, QUERY_RANK),
                          block(20 + i, tokens, LATENT),
                          block(30 + i, tokens, HIDDEN)))
              .toList();
      targets = IntStream.range(0, DIFFERENT).mapToObj(i -> block(40 + i, tokens, HIDDEN)).toList();
      sizes = targets.stream().mapToDouble(t -> HostProblem.squares(t.elements())).toArray();
    }

    private static FloatBlock block(long seed, int tokens, int columns) {
      return FloatBlock.of(tokens, columns, values(seed, tokens * columns, 1));
    }

    @Override
    public Inputs inputs(int window) {
      return inputs.get(window % DIFFERENT);
    }

    @Override
    public FloatBlock target(int window) {
      return targets.get(window % DIFFERENT);
    }

    @Override
    public double size(int window) {
      return sizes[window % DIFFERENT];
    }
  }
}
