package dev.regroup.converters.calibrate;

import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.Products;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Projected;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Measures {@link LayerStatistics} of one layer on the source's residual stream.
public final class StatisticsCollector {
  private final DecoderLayer layer;
  private final AttentionLayout layout;
  private final LayerWeights weights;
  private final Streams streams;
  private final int hiddenSize;
  private final FloatBlock[] outputGrams;

  private StatisticsCollector(
      DecoderLayer layer, LayerWeights weights, Streams streams, int hiddenSize) {
    this.layer = layer;
    this.layout = layer.spec().attention().layout();
    this.weights = weights;
    this.streams = streams;
    this.hiddenSize = hiddenSize;
    outputGrams = new FloatBlock[layout.queryHeads()];
    for (int h = 0; h < outputGrams.length; h++) {
      outputGrams[h] = outputGram(h);
    }
  }

  /// The statistics of one layer over all calibration windows.
  ///
  /// @param weights the source's attention tensors of the layer
  public static LayerStatistics collect(
      DecoderLayer layer, LayerWeights weights, Streams streams, int hiddenSize) {
    return collect(layer, weights, streams, streams.spread(streams.windows()), hiddenSize);
  }

  /// The statistics of one layer over some calibration windows.
  ///
  /// @param weights the source's attention tensors of the layer
  public static LayerStatistics collect(
      DecoderLayer layer, LayerWeights weights, Streams streams, int[] windows, int hiddenSize) {
    var collector = new StatisticsCollector(layer, weights, streams, hiddenSize);
    double[] sums = OrderedSum.of(windows.length, i -> collector.share(windows[i]));
    return collector.statistics(sums, windows.length);
  }

  /// W_O^hᵀ·W_O^h, `[d_v, d_v]`.
  private FloatBlock outputGram(int head) {
    int dim = layout.valueDim();
    FloatBlock output =
        FloatBlock.of(hiddenSize, layout.queryHeads() * dim, weights.get(AttentionTensor.O_PROJ))
            .columns(head * dim, dim);
    return moment(output);
  }

  private int stateDim() {
    return switch (layout) {
      case Gqa gqa -> 2 * gqa.kvHeads() * gqa.headDim();
      case Gla mla -> mla.latentDim();
      case Gta _ -> throw new IllegalArgumentException("GTA is not a source");
    };
  }

  /// One window's share: states, queries, sensitivity, participation, distances, one after the other.
  private double[] share(int window) {
    int tokens = streams.tokens();
    float[] x = layer.attentionInput(streams.source(window), tokens);
    Projected projected = layer.attention().project(x, tokens);
    Projected rotated = layer.attention().rotate(projected, 0);
    FloatBlock states = states(projected.rows(), tokens);
    int dim = layout.queryDim();
    FloatBlock queries = FloatBlock.of(tokens, layout.queryHeads() * dim, projected.queries());
    double[] sums = new double[offsets()[5]];
    add(moment(states), sums, 0);
    for (int h = 0; h < layout.queryHeads(); h++) {
      add(moment(queries.columns(h * dim, dim)), sums, offsets()[1] + h * dim * dim);
      float[] probabilities = layer.attention().probabilities(rotated, h);
      sums[offsets()[2] + h] = spread(FloatBlock.of(tokens, tokens, probabilities), states, h);
      sums[offsets()[3]] += squares(probabilities);
      addDistances(probabilities, tokens, sums, offsets()[4] + h * tokens);
    }
    return sums;
  }

  private FloatBlock states(float[] rows, int tokens) {
    return switch (layout) {
      case Gqa gqa -> SourceValues.states(gqa, rows, tokens);
      case Gla mla -> SourceValues.states(mla, rows, tokens);
      case Gta _ -> throw new IllegalArgumentException("GTA is not a source");
    };
  }

  /// The sum over queries i of Σ_j a_ij ‖W_O (v_j − o_i)‖², as Σ_j a_ij ‖W_O v_j‖² − ‖W_O o_i‖².
  private double spread(FloatBlock probabilities, FloatBlock states, int head) {
    int tokens = probabilities.rows();
    FloatBlock values = SourceValues.values(layout, weights, states, head);
    FloatBlock outputs = FloatBlock.zeros(tokens, values.columns());
    Products.fast().multiply(Form.PLAIN, 1, probabilities, values, 0, outputs);
    double[] valueSizes = sizes(values, outputGrams[head]);
    double[] outputSizes = sizes(outputs, outputGrams[head]);
    double spread = 0;
    for (int i = 0; i < tokens; i++) {
      double mean = 0;
      for (int j = 0; j <= i; j++) {
        mean += probabilities.elements()[i * tokens + j] * valueSizes[j];
      }
      spread += Math.max(0, mean - outputSizes[i]);
    }
    return spread;
  }

  /// rᵀ·gram·r of every row r.
  private static double[] sizes(FloatBlock rows, FloatBlock gram) {
    FloatBlock weighted = FloatBlock.zeros(rows.rows(), rows.columns());
    Products.fast().multiply(Form.PLAIN, 1, rows, gram, 0, weighted);
    double[] sizes = new double[rows.rows()];
    for (int t = 0; t < sizes.length; t++) {
      double size = 0;
      for (int c = 0; c < rows.columns(); c++) {
        size +=
            rows.elements()[rows.offset() + t * rows.stride() + c]
                * (double) weighted.elements()[t * rows.columns() + c];
      }
      sizes[t] = size;
    }
    return sizes;
  }

  private static double squares(float[] probabilities) {
    double sum = 0;
    for (float probability : probabilities) {
      sum += (double) probability * probability;
    }
    return sum;
  }

  private static void addDistances(float[] probabilities, int tokens, double[] sums, int at) {
    for (int i = 0; i < tokens; i++) {
      for (int j = 0; j <= i; j++) {
        sums[at + i - j] += probabilities[i * tokens + j];
      }
    }
  }

  private static FloatBlock moment(FloatBlock rows) {
    FloatBlock moment = FloatBlock.zeros(rows.columns(), rows.columns());
    Products.fast().multiply(Form.LEFT_TRANSPOSED, 1, rows, rows, 0, moment);
    return moment;
  }

  private static void add(FloatBlock block, double[] sums, int at) {
    for (int i = 0; i < block.rows() * block.columns(); i++) {
      sums[at + i] += block.elements()[i];
    }
  }

  /// Where states, queries, sensitivity, participation and distances begin in a share, and where it
  /// ends.
  private int[] offsets() {
    int queries = stateDim() * stateDim();
    int sensitivity = queries + layout.queryHeads() * layout.queryDim() * layout.queryDim();
    int participation = sensitivity + layout.queryHeads();
    int distances = participation + 1;
    int end = distances + layout.queryHeads() * streams.tokens();
    return new int[] {0, queries, sensitivity, participation, distances, end};
  }

  private LayerStatistics statistics(double[] sums, int windows) {
    long tokens = (long) windows * streams.tokens();
    int[] at = offsets();
    int dim = layout.queryDim();
    List<Matrix> queries = new ArrayList<>();
    double[] sensitivity = new double[layout.queryHeads()];
    double[][] distances = new double[layout.queryHeads()][];
    double scale = layer.spec().attention().softmaxScale();
    for (int h = 0; h < layout.queryHeads(); h++) {
      queries.add(mean(sums, at[1] + h * dim * dim, dim, tokens));
      sensitivity[h] = scale * scale * sums[at[2] + h] / tokens;
      int from = at[4] + h * streams.tokens();
      distances[h] = DistancePrior.drawn(Arrays.copyOfRange(sums, from, from + streams.tokens()));
    }
    return new LayerStatistics(
        mean(sums, 0, stateDim(), tokens),
        queries,
        sensitivity,
        distances,
        sums[at[3]] / tokens / layout.queryHeads(),
        tokens);
  }

  private static Matrix mean(double[] sums, int from, int dim, long tokens) {
    double[] mean = Arrays.copyOfRange(sums, from, from + dim * dim);
    for (int i = 0; i < mean.length; i++) {
      mean[i] /= tokens;
    }
    return new Matrix(dim, dim, mean);
  }
}
