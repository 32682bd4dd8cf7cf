package dev.regroup.converters.calibrate;

import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.Products;
import java.util.List;

/// Statistics without text: what the weights alone suggest.
///
/// A normed vector is taken to be isotropic before its gain, so that its second moment is the diagonal
/// of squared gains; attention mass is taken to fall off as one over the distance; a value spreads
/// about its attention-weighted mean as values do about theirs.
public final class WeightPrior {
  private static final int DISTANCES = 512;

  private final AttentionSpec spec;
  private final AttentionLayout layout;
  private final LayerWeights weights;
  private final float[] inputGain;

  private WeightPrior(AttentionSpec spec, LayerWeights weights, float[] inputGain) {
    this.spec = spec;
    this.layout = spec.layout();
    this.weights = weights;
    this.inputGain = inputGain;
  }

  /// The prior of one layer.
  ///
  /// @param weights the source's attention tensors of the layer
  /// @param inputGain of the norm before attention, `[D]`
  public static LayerStatistics of(AttentionSpec spec, LayerWeights weights, float[] inputGain) {
    return new WeightPrior(spec, weights, inputGain).statistics();
  }

  private LayerStatistics statistics() {
    Matrix states = states();
    List<Matrix> queries = queries();
    double scale = spec.softmaxScale();
    double[] sensitivity = new double[layout.queryHeads()];
    double[][] distances = new double[layout.queryHeads()][];
    Parallel.forEach(
        sensitivity.length,
        h -> {
          // the trace of a product of two symmetric matrices
          double carried = weights.outputGram(layout, h).dot(valueMoment(states, h));
          sensitivity[h] = scale * scale * carried;
          distances[h] = DistancePrior.mass(DISTANCES);
        });
    double participation = 0;
    for (double share : distances[0]) {
      participation += share * share;
    }
    return new LayerStatistics(states, queries, sensitivity, distances, participation, 0);
  }

  private Matrix states() {
    return switch (layout) {
      case Gqa gqa -> {
        int rows = gqa.kvHeads() * gqa.headDim();
        Matrix features =
            Matrix.stacked(
                List.of(
                    weights.matrix(AttentionTensor.K_PROJ, rows),
                    weights.matrix(AttentionTensor.V_PROJ, rows)));
        Matrix moment = moment(features, inputGain);
        if (spec.state() instanceof StatePath.KeyValue(boolean bias, boolean _) && bias) {
          Matrix constant =
              Matrix.stacked(
                  List.of(
                      weights.matrix(AttentionTensor.K_BIAS, rows),
                      weights.matrix(AttentionTensor.V_BIAS, rows)));
          moment = moment.plus(constant.outerGram());
        }
        yield SourceValues.normed(spec) ? keysNormed(moment, gqa) : moment;
      }
      case Gla mla ->
          moment(Matrix.identity(mla.latentDim()), weights.get(AttentionTensor.KV_A_NORM));
      case Gta _ -> throw new IllegalArgumentException("GTA is not a source");
    };
  }

  private List<Matrix> queries() {
    boolean lowRank = spec.query() instanceof QueryPath.LowRank;
    AttentionTensor tensor = lowRank ? AttentionTensor.Q_B_PROJ : AttentionTensor.Q_PROJ;
    int inputs = weights.get(tensor).length / (layout.queryHeads() * layout.queryDim());
    float[] gain = lowRank ? weights.get(AttentionTensor.Q_A_NORM) : inputGain;
    return Parallel.map(
        layout.queryHeads(),
        h -> {
          int first = h * layout.queryDim();
          Matrix query =
              layout instanceof Gla
                  ? floatMoment(tensor, inputs, first, layout.queryDim(), gain)
                  : moment(weights.rows(tensor, inputs, first, layout.queryDim()), gain);
          if (spec.query() instanceof QueryPath.Direct(boolean bias, boolean _) && bias) {
            Matrix constant =
                weights
                    .matrix(AttentionTensor.Q_BIAS, layout.queryHeads() * layout.queryDim())
                    .rows(first, layout.queryDim());
            query = query.plus(constant.outerGram());
          }
          if (spec.query() instanceof QueryPath.Direct(boolean _, boolean headNorm) && headNorm) {
            query = normed(query, weights.get(AttentionTensor.Q_NORM));
          }
          return query;
        });
  }

  /// The second moment behind a norm over a head: its size is that of the gains, its directions those
  /// before it.
  private static Matrix normed(Matrix moment, float[] gain) {
    int n = moment.rows();
    double scale = n / Math.max(moment.trace(), Double.MIN_NORMAL);
    Matrix normed = Matrix.zeros(n, n);
    for (int r = 0; r < n; r++) {
      for (int c = 0; c < n; c++) {
        normed.elements()[r * n + c] = scale * gain[r] * moment.at(r, c) * gain[c];
      }
    }
    return normed;
  }

  /// The states' moment with each key head normed; keys of different heads, and values, are taken to be
  /// unrelated.
  private Matrix keysNormed(Matrix moment, Gqa gqa) {
    int dim = gqa.headDim();
    int keys = gqa.kvHeads() * dim;
    Matrix normed = Matrix.zeros(2 * keys, 2 * keys);
    for (int g = 0; g < gqa.kvHeads(); g++) {
      Matrix head =
          normed(
              moment.rows(g * dim, dim).columns(g * dim, dim), weights.get(AttentionTensor.K_NORM));
      for (int r = 0; r < dim; r++) {
        System.arraycopy(
            head.elements(), r * dim, normed.elements(), (g * dim + r) * 2 * keys + g * dim, dim);
      }
    }
    for (int r = keys; r < 2 * keys; r++) {
      System.arraycopy(
          moment.elements(), r * 2 * keys + keys, normed.elements(), r * 2 * keys + keys, keys);
    }
    return normed;
  }

  /// The second moment of a head's values about their mean, which no probability changes.
  private Matrix valueMoment(Matrix states, int head) {
    return switch (layout) {
      case Gqa gqa -> {
        int group = head / (gqa.queryHeads() / gqa.kvHeads());
        int at = (gqa.kvHeads() + group) * gqa.headDim();
        Matrix values = states.rows(at, gqa.headDim()).columns(at, gqa.headDim());
        if (spec.state() instanceof StatePath.KeyValue(boolean bias, boolean _) && bias) {
          Matrix mean =
              weights
                  .matrix(AttentionTensor.V_BIAS, gqa.kvHeads() * gqa.headDim())
                  .rows(group * gqa.headDim(), gqa.headDim());
          values = values.minus(mean.outerGram());
        }
        yield values;
      }
      case Gla mla -> {
        int each = mla.nopeDim() + mla.valueDim();
        // before a text is seen the latent's elements are unrelated: states is diagonal
        yield floatMoment(
            AttentionTensor.KV_B_PROJ,
            mla.latentDim(),
            head * each + mla.nopeDim(),
            mla.valueDim(),
            weights.get(AttentionTensor.KV_A_NORM));
      }
      case Gta _ -> throw new IllegalArgumentException("GTA is not a source");
    };
  }

  /// W·diag(gain²)·Wᵀ.
  private static Matrix moment(Matrix map, float[] gain) {
    Matrix scaled = Matrix.zeros(map.rows(), map.columns());
    for (int i = 0; i < scaled.elements().length; i++) {
      scaled.elements()[i] = map.elements()[i] * gain[i % map.columns()];
    }
    return scaled.outerGram();
  }

  /// The same of rows of a tensor, summed in float32: of a wide layer these are large, and its moments
  /// only weigh errors.
  private Matrix floatMoment(
      AttentionTensor tensor, int columns, int first, int count, float[] gain) {
    float[] map = weights.get(tensor);
    float[] scaled = new float[count * columns];
    for (int r = 0; r < count; r++) {
      for (int c = 0; c < columns; c++) {
        scaled[r * columns + c] = map[(first + r) * columns + c] * gain[c];
      }
    }
    FloatBlock moment = FloatBlock.zeros(count, count);
    Products.fast().square(Form.RIGHT_TRANSPOSED, FloatBlock.of(count, columns, scaled), moment);
    return Matrix.of(count, count, moment.elements());
  }
}
