package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.model.Backend;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// How long fits take: all layers of a model like the trained `llama-gqa` (6 layers, D 256, 8 query
/// heads, 4 kv heads of 32), on random windows.
public final class FitBench {
  private static final int LAYERS = 6;
  private static final int HIDDEN = 256;
  private static final int TOKENS = 512;
  private static final int BATCH = 16;

  /// 131072 tokens to fit, and windows to try on.
  private static final int FITTED = 256;

  private static final int HELD = 16;

  private final Backend backend;
  private final int steps;
  private final RandomWindows windows = new RandomWindows();

  private FitBench(Backend backend, int steps) {
    this.backend = backend;
    this.steps = steps;
  }

  /// What was measured.
  ///
  /// @param target as in `GTA-4`
  /// @param seconds over all layers, from windows in the host's memory to fitted maps there
  /// @param firstLayer seconds of the first layer alone, in which kernels are loaded
  /// @param flops of all steps: products of the forward and the backward pass, and of attention the half
  ///     below the diagonal
  public record Result(
      String target, int layers, int steps, double seconds, double firstLayer, double flops) {}

  /// Measures a fit of `steps` steps to GTA and one to GLA.
  public static List<Result> run(Backend backend, int steps) {
    var bench = new FitBench(backend, steps);
    return List.of(
        bench.run("GTA-4", new Gta(8, 4, 32, 16)),
        bench.run("GLA-2 (2x64+16)", new Gla(8, 2, 64, 16, 16, 32)));
  }

  private Result run(String name, AttentionLayout layout) {
    long begin = System.nanoTime();
    double first = 0;
    for (int index = 0; index < LAYERS; index++) {
      fit(layer(layout, index));
      if (index == 0) {
        first = seconds(begin);
      }
    }
    return new Result(name, LAYERS, steps, seconds(begin), first, flops(layout));
  }

  private static double seconds(long begin) {
    return (System.nanoTime() - begin) / 1e9;
  }

  private void fit(FactoredAttention layer) {
    Set<Part> parts = EnumSet.complementOf(EnumSet.of(Part.NORM_GAIN));
    if (layer.tied()) {
      parts.removeAll(Set.of(Part.KEY_UP, Part.VALUE_UP));
    }
    var split =
        new Training.Split(
            IntStream.range(0, FITTED).toArray(), IntStream.range(FITTED, FITTED + HELD).toArray());
    try (Workplace workplace = Workplace.open(backend, windows, layer, parts, split)) {
      FitProblem problem = workplace.problem();
      var settings = new Training.Settings(steps, BATCH, 0.03, 1);
      var trained = new Training(problem, split, settings, (step, error) -> {}).train(layer, parts);
      double[] sums = problem.outputSums(trained.layer(), split.fitted());
      OutputRefit.solve(sums, trained.layer().output(), HIDDEN);
    }
  }

  /// Maps of random numbers, so large that what they give is of size 1.
  private static FactoredAttention layer(AttentionLayout layout, int index) {
    boolean tied = layout instanceof Gta;
    int dim = layout.cacheRow().stateDim();
    int states = layout.stateHeads() * dim;
    var spec =
        new AttentionSpec(
            layout,
            new QueryPath.Direct(false, false),
            tied ? new StatePath.Tied(false) : new StatePath.Latent(states, false, false, false),
            Rope.standard(layout.ropeDim(), 10000, false),
            1 / Math.sqrt(32),
            false,
            0);
    int heads = layout.queryHeads();
    var random = new SplittableRandom(index);
    return new FactoredAttention(
        spec,
        values(random, heads * layout.queryDim() * HIDDEN, HIDDEN),
        values(random, states * HIDDEN, HIDDEN),
        values(random, layout.ropeDim() * HIDDEN, HIDDEN),
        values(random, tied ? 0 : heads * layout.nopeDim() * dim, dim),
        values(random, tied ? 0 : heads * layout.valueDim() * dim, dim),
        values(random, HIDDEN * heads * layout.valueDim(), heads * layout.valueDim()),
        FactoredAttention.Biases.none());
  }

  static float[] values(SplittableRandom random, int count, int in) {
    float size = (float) Math.sqrt(12.0 / in);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = size * ((random.nextInt() >>> 8) * 0x1p-24f - 0.5f);
    }
    return values;
  }

  private double flops(AttentionLayout layout) {
    double tokens = (double) BATCH * TOKENS;
    double maps = Maps.of(layer(layout, 0), EnumSet.allOf(Part.class)).length();
    double heads = layout.queryHeads() * (layout.queryDim() + layout.valueDim());
    double forward = tokens * (2 * maps + heads * (TOKENS + 1));
    return 3 * forward * steps * LAYERS;
  }

  /// Random inputs and targets, the same for all layers.
  private static final class RandomWindows implements Windows {
    private final List<FloatBlock> inputs = blocks(1);
    private final List<FloatBlock> targets = blocks(2);

    private static List<FloatBlock> blocks(long seed) {
      var random = new SplittableRandom(seed);
      return IntStream.range(0, FITTED + HELD)
          .mapToObj(i -> FloatBlock.of(TOKENS, HIDDEN, values(random, TOKENS * HIDDEN, 1)))
          .toList();
    }

    @Override
    public Inputs inputs(int window) {
      FloatBlock x = inputs.get(window);
      return new Inputs(x, x, x);
    }

    @Override
    public FloatBlock target(int window) {
      return targets.get(window);
    }

    @Override
    public double size(int window) {
      return HostProblem.squares(targets.get(window).elements());
    }
  }
}
