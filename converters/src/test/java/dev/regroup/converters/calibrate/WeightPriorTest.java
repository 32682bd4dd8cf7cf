package dev.regroup.converters.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.converters.source.LayerWeights;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.linalg.Matrix;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The prior against what it stands for: Gaussian vectors behind the norms, times the gains, through
/// the layer's own projections.
final class WeightPriorTest {
  private static final int DRAWS = 40_000;

  /// Of a moment of so many draws, relative.
  private static final double NOISE = 0.04;

  private final Random random = new Random(9);

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "llama-mqa", "qwen2", "deepseek-v2", "deepseek-v2-lite"})
  void isWhatGaussianInputsWouldGive(String name) {
    ModelSpec spec = Fixtures.spec(name);
    Tensors tensors = Fixtures.tensors(spec, 7);
    AttentionSpec attention = spec.layers().getFirst().attention();
    AttentionLayout layout = attention.layout();
    LayerWeights weights = LayerWeights.read(tensors, spec, 0, false);
    float[] gain = tensors.floats("model.layers.0.input_layernorm.weight");
    LayerStatistics prior = WeightPrior.of(attention, weights, gain);

    boolean lowRank = weights.tensors().containsKey(AttentionTensor.Q_B_PROJ);
    Matrix queries =
        lowRank
            ? drawn(weights, AttentionTensor.Q_B_PROJ, weights.get(AttentionTensor.Q_A_NORM))
            : drawn(weights, AttentionTensor.Q_PROJ, gain);
    addBias(queries, weights, AttentionTensor.Q_BIAS);
    int dim = layout.queryDim();
    for (int h = 0; h < layout.queryHeads(); h++) {
      assertClose(prior.queries().get(h), moment(queries.columns(h * dim, dim)));
    }
    Matrix states =
        switch (layout) {
          case Gqa _ -> keysAndValues(weights, gain);
          case Gla mla -> scaled(gaussian(mla.latentDim()), weights.get(AttentionTensor.KV_A_NORM));
          case Gta gta -> throw new AssertionError("not a source: " + gta);
        };
    assertClose(prior.states(), moment(states));
    double scale = attention.softmaxScale() * attention.softmaxScale();
    for (int h = 0; h < layout.queryHeads(); h++) {
      Matrix written =
          centred(values(layout, weights, states, h)).timesTranspose(output(layout, weights, h));
      double expected = scale * written.frobenius() * written.frobenius() / DRAWS;
      assertThat(prior.sensitivity()[h]).isCloseTo(expected, within(NOISE * expected));
      assertThat(Arrays.stream(prior.distances()[h]).sum()).isCloseTo(1, within(1e-9));
      assertThat(prior.distances()[h][0]).isCloseTo(4 * prior.distances()[h][3], within(1e-9));
    }
    assertThat(prior.tokens()).isZero();
  }

  /// Both read the same inputs.
  private Matrix keysAndValues(LayerWeights weights, float[] gain) {
    Matrix x = scaled(gaussian(gain.length), gain);
    Matrix keys = x.timesTranspose(matrix(weights, AttentionTensor.K_PROJ, gain.length));
    addBias(keys, weights, AttentionTensor.K_BIAS);
    Matrix values = x.timesTranspose(matrix(weights, AttentionTensor.V_PROJ, gain.length));
    addBias(values, weights, AttentionTensor.V_BIAS);
    return Matrix.beside(java.util.List.of(keys, values));
  }

  private Matrix drawn(LayerWeights weights, AttentionTensor map, float[] gain) {
    return scaled(gaussian(gain.length), gain).timesTranspose(matrix(weights, map, gain.length));
  }

  private static Matrix values(
      AttentionLayout layout, LayerWeights weights, Matrix states, int head) {
    if (layout instanceof Gqa gqa) {
      int group = head * gqa.kvHeads() / gqa.queryHeads();
      return states.columns((gqa.kvHeads() + group) * gqa.headDim(), gqa.headDim());
    }
    Gla mla = (Gla) layout;
    Matrix up = matrix(weights, AttentionTensor.KV_B_PROJ, mla.latentDim());
    int from = head * (mla.nopeDim() + mla.valueDim()) + mla.nopeDim();
    return states.timesTranspose(up.rows(from, mla.valueDim()));
  }

  private static Matrix output(AttentionLayout layout, LayerWeights weights, int head) {
    int width = layout.queryHeads() * layout.valueDim();
    return matrix(weights, AttentionTensor.O_PROJ, width)
        .columns(head * layout.valueDim(), layout.valueDim());
  }

  private static Matrix matrix(LayerWeights weights, AttentionTensor tensor, int columns) {
    float[] elements = weights.get(tensor);
    return Matrix.of(elements.length / columns, columns, elements);
  }

  private Matrix gaussian(int columns) {
    Matrix drawn = Matrix.zeros(DRAWS, columns);
    for (int i = 0; i < drawn.elements().length; i++) {
      drawn.elements()[i] = random.nextGaussian();
    }
    return drawn;
  }

  private static Matrix scaled(Matrix rows, float[] gain) {
    for (int i = 0; i < rows.elements().length; i++) {
      rows.elements()[i] *= gain[i % gain.length];
    }
    return rows;
  }

  private static void addBias(Matrix rows, LayerWeights weights, AttentionTensor tensor) {
    float[] bias = weights.tensors().get(tensor);
    if (bias != null) {
      for (int i = 0; i < rows.elements().length; i++) {
        rows.elements()[i] += bias[i % bias.length];
      }
    }
  }

  private static Matrix centred(Matrix rows) {
    Matrix centred = Matrix.zeros(rows.rows(), rows.columns());
    for (int c = 0; c < rows.columns(); c++) {
      double mean = 0;
      for (int r = 0; r < rows.rows(); r++) {
        mean += rows.at(r, c) / rows.rows();
      }
      for (int r = 0; r < rows.rows(); r++) {
        centred.elements()[r * rows.columns() + c] = rows.at(r, c) - mean;
      }
    }
    return centred;
  }

  private static Matrix moment(Matrix rows) {
    return rows.transposeTimes(rows).scaled(1.0 / rows.rows());
  }

  private static void assertClose(Matrix found, Matrix expected) {
    assertThat(found.minus(expected).frobenius()).isLessThan(NOISE * expected.frobenius());
  }
}
