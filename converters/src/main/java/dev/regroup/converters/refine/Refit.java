package dev.regroup.converters.refine;

import dev.regroup.converters.calibrate.Streams;
import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.model.AttentionSublayer;
import dev.regroup.runtime.model.AttentionSublayers;
import dev.regroup.runtime.model.DecoderLayer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/// Refits one converted layer on the target's residual stream, towards the source's: what earlier
/// layers got wrong is part of what this one is asked to put right.
public final class Refit {
  /// Probabilities that {@link GaussNewton} may hold, bytes.
  private static final long MEMORY = 1L << 30;

  /// Beyond this many weights a Gauss-Newton step takes more memory than a conversion should.
  private static final long MAX_WEIGHTS = 16_000_000;

  /// One window in so many is held back to try refits on.
  private static final int HELD_SHARE = 4;

  private static final int MAX_HELD = 8;

  /// Beyond this width of the heads' outputs the output refit's normal matrix grows too large.
  private static final int MAX_OUTPUT_WIDTH = 8192;

  private final Effort effort;
  private final DecoderLayer layer;
  private final LayerWeights weights;
  private final Streams streams;
  private final int hiddenSize;
  private final double normEpsilon;

  /// Windows that refits see, and windows that they are tried on.
  private final int[] fitted;

  private final int[] held;

  /// How hard to try.
  ///
  /// @param steps of Gauss-Newton; 0 leaves the closed form as it is
  /// @param windows of calibration text that each step sees
  /// @param iterations of conjugate gradients in a step
  public record Effort(int steps, int windows, int iterations) {
    /// What conversions use.
    public static final Effort DEFAULT = new Effort(2, 32, 8);

    /// The closed form alone.
    public static final Effort NONE = new Effort(0, 0, 0);

    /// An MLA source's closed form is close already, and little is left to gain.
    Effort forMla() {
      return new Effort(Math.min(steps, 1), windows, iterations);
    }
  }

  /// @param layer of the source
  /// @param weights the source's attention tensors of the layer
  public Refit(
      Effort effort,
      DecoderLayer layer,
      LayerWeights weights,
      Streams streams,
      int hiddenSize,
      double normEpsilon) {
    this.effort = layer.spec().attention().layout() instanceof Gla ? effort.forMla() : effort;
    this.layer = layer;
    this.weights = weights;
    this.streams = streams;
    this.hiddenSize = hiddenSize;
    this.normEpsilon = normEpsilon;
    int all = streams.windows();
    int count = Math.min(MAX_HELD, all / HELD_SHARE);
    // from the middle of equal stretches: text often comes in order
    held = IntStream.range(0, count).map(i -> (2 * i + 1) * all / (2 * count)).toArray();
    fitted =
        IntStream.range(0, all).filter(w -> Arrays.stream(held).noneMatch(h -> h == w)).toArray();
  }

  /// The refitted layer: every refit is tried on windows that it has not seen, and kept only where it
  /// lowers the error there. Fewer than four windows are too few to tell, and nothing is refitted.
  ///
  /// @param seed of the preconditioner's probes
  public FactoredAttention refine(FactoredAttention closed, long seed) {
    if (effort.steps() == 0 || held.length == 0) {
      return closed;
    }
    Set<Part> parts = parts(closed);
    FactoredAttention refined = closed;
    if (Maps.of(closed, parts).length() <= MAX_WEIGHTS) {
      refined = gaussNewton(refined, parts, seed);
    }
    if (parts.contains(Part.OUTPUT) && outputWidth(refined) <= MAX_OUTPUT_WIDTH) {
      refined = better(outputRefit(refined), refined);
    }
    return refined;
  }

  private FactoredAttention gaussNewton(FactoredAttention closed, Set<Part> parts, long seed) {
    List<Inputs> inputs = new ArrayList<>();
    List<FloatBlock> targets = new ArrayList<>();
    for (int window : spread(fitted, windows(closed))) {
      inputs.add(inputs(window));
      targets.add(target(window));
    }
    FactoredAttention refined = closed;
    for (int step = 0; step < effort.steps(); step++) {
      var settings = new GaussNewton.Settings(effort.iterations(), 1e-3, seed * 1000 + step);
      FactoredAttention next = new GaussNewton(settings, inputs, targets, parts).step(refined);
      if (better(next, refined).equals(refined)) {
        break;
      }
      refined = next;
    }
    return refined;
  }

  /// The one with the lower error on the windows held back; `known` where they tie.
  private FactoredAttention better(FactoredAttention next, FactoredAttention known) {
    return error(next) < error(known) ? next : known;
  }

  private double error(FactoredAttention candidate) {
    double[] errors = new double[held.length];
    Parallel.forEach(
        held.length,
        i -> {
          float[] output = new AttentionPass(candidate, inputs(held[i])).output().elements();
          float[] target = target(held[i]).elements();
          for (int e = 0; e < output.length; e++) {
            double difference = (double) output[e] - target[e];
            errors[i] += difference * difference;
          }
        });
    return Arrays.stream(errors).sum();
  }

  private Inputs inputs(int window) {
    return new SourceInputs(layer, weights).of(streams.target(window), streams.tokens());
  }

  private int windows(FactoredAttention closed) {
    long each = 4L * closed.spec().layout().queryHeads() * streams.tokens() * streams.tokens();
    return (int) Math.max(1, Math.min(Math.min(effort.windows(), fitted.length), MEMORY / each));
  }

  private static int[] spread(int[] all, int count) {
    return IntStream.range(0, count).map(i -> all[(int) ((long) i * all.length / count)]).toArray();
  }

  /// What the layer's maps should add to the target's stream of one window: what the source adds to its
  /// own, and what the target's lacks by now; less the output's bias, which is no map and stays.
  private FloatBlock target(int window) {
    float[] update = streams.sourceUpdate(window);
    float[] source = streams.source(window);
    float[] target = streams.target(window);
    float[] wanted = new float[update.length];
    for (int i = 0; i < wanted.length; i++) {
      wanted[i] = update[i] + source[i] - target[i];
    }
    if (layer.spec().attention().outputBias()) {
      float[] bias = weights.get(AttentionTensor.O_BIAS);
      for (int i = 0; i < wanted.length; i++) {
        wanted[i] -= bias[i % hiddenSize];
      }
    }
    return FloatBlock.of(streams.tokens(), hiddenSize, wanted);
  }

  private FactoredAttention outputRefit(FactoredAttention refined) {
    AttentionSublayer sublayer =
        AttentionSublayers.of(
            refined.spec(), hiddenSize, normEpsilon, refined.tensors(weights.tensors()));
    int tokens = streams.tokens();
    float[] output =
        OutputRefit.solve(
            fitted.length,
            i -> {
              int w = fitted[i];
              float[] x = layer.attentionInput(streams.target(w), tokens);
              float[] heads = sublayer.heads(sublayer.rotate(sublayer.project(x, tokens), 0));
              return new OutputRefit.Window(
                  FloatBlock.of(tokens, heads.length / tokens, heads), target(w));
            },
            refined.output(),
            hiddenSize);
    return new Maps(Map.of(Part.OUTPUT, output)).in(refined);
  }

  private static int outputWidth(FactoredAttention layer) {
    return layer.spec().layout().queryHeads() * layer.spec().layout().valueDim();
  }

  /// The maps that a conversion writes anew; a bias of the source's output stays as it is.
  private Set<Part> parts(FactoredAttention closed) {
    Set<Part> parts = EnumSet.noneOf(Part.class);
    parts.add(Part.STATE);
    if (!closed.tied()) {
      parts.add(Part.KEY_UP);
      parts.add(Part.VALUE_UP);
    }
    AttentionLayout source = layer.spec().attention().layout();
    switch (source) {
      case Gqa _ -> {
        parts.addAll(Set.of(Part.ROPE_KEY, Part.OUTPUT));
        if (!(closed.spec().query() instanceof QueryPath.Mixed)) {
          parts.add(Part.QUERY);
        }
      }
      case Gla _ -> {
        if (closed.tied()) {
          parts.addAll(Set.of(Part.QUERY, Part.OUTPUT));
        }
      }
      case Gta _ -> throw new IllegalArgumentException("GTA is not a source");
    }
    return parts;
  }
}
