package dev.regroup.converters.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.converters.InMemory;
import dev.regroup.converters.source.LayerWeights;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Projected;
import dev.regroup.runtime.model.Transformer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What is measured against sums written down token by token, from the definitions.
final class StatisticsCollectorTest {
  private static final int WINDOWS = 5;
  private static final int TOKENS = 30;
  private static final int LAYER = 1;

  private record Sample(ModelSpec spec, LayerWeights weights, DecoderLayer layer, Streams streams) {
    AttentionLayout layout() {
      return layer.spec().attention().layout();
    }

    LayerStatistics collect() {
      return StatisticsCollector.collect(layer, weights, streams, spec.hiddenSize());
    }
  }

  private static Sample sample(String name, int windows) {
    ModelSpec spec = Fixtures.spec(name);
    Tensors weights = Fixtures.tensors(spec, 7);
    var model = new Transformer(spec, weights);
    var streams = new Streams(model.embedding(), InMemory.windows(spec, windows, TOKENS));
    for (int i = 0; i < LAYER; i++) {
      DecoderLayer layer = model.layer(i);
      streams.attend(layer);
      streams.advance(layer, layer.attention());
    }
    return new Sample(
        spec, LayerWeights.read(weights, spec, LAYER, false), model.layer(LAYER), streams);
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "llama-mqa", "mistral", "deepseek-v2", "deepseek-v2-lite"})
  void measuresWhatTheDefinitionsSay(String name) {
    Sample sample = sample(name, WINDOWS);
    LayerStatistics found = sample.collect();
    AttentionLayout layout = sample.layout();
    assertThat(found.tokens()).isEqualTo(WINDOWS * TOKENS);
    Matrix states = Matrix.zeros(found.states().rows(), found.states().rows());
    List<Matrix> queries = new ArrayList<>();
    for (int h = 0; h < layout.queryHeads(); h++) {
      queries.add(Matrix.zeros(layout.queryDim(), layout.queryDim()));
    }
    double[] sensitivity = new double[layout.queryHeads()];
    double[][] distances = new double[layout.queryHeads()][TOKENS];
    for (int w = 0; w < WINDOWS; w++) {
      float[] x = sample.layer.attentionInput(sample.streams.source(w), TOKENS);
      Projected projected = sample.layer.attention().project(x, TOKENS);
      Projected rotated = sample.layer.attention().rotate(projected, 0);
      for (int t = 0; t < TOKENS; t++) {
        addOuter(states, state(layout, projected.rows(), t));
        for (int h = 0; h < layout.queryHeads(); h++) {
          addOuter(queries.get(h), query(layout, projected.queries(), t, h));
        }
      }
      for (int h = 0; h < layout.queryHeads(); h++) {
        float[] probabilities = sample.layer.attention().probabilities(rotated, h);
        sensitivity[h] += spread(sample, projected, probabilities, h);
        for (int i = 0; i < TOKENS; i++) {
          for (int j = 0; j <= i; j++) {
            distances[h][i - j] += probabilities[i * TOKENS + j];
          }
        }
      }
    }
    double tokens = WINDOWS * TOKENS;
    assertClose(found.states(), states.scaled(1 / tokens));
    double scale = sample.layer.spec().attention().softmaxScale();
    for (int h = 0; h < layout.queryHeads(); h++) {
      assertClose(found.queries().get(h), queries.get(h).scaled(1 / tokens));
      double expected = scale * scale * sensitivity[h] / tokens;
      assertThat(found.sensitivity()[h]).isCloseTo(expected, within(1e-4 * expected));
      double[] drawn = DistancePrior.drawn(distances[h]);
      for (int distance = 0; distance < TOKENS; distance++) {
        assertThat(found.distances()[h][distance]).isCloseTo(drawn[distance], within(1e-5));
      }
    }
  }

  @Test
  void drawsDistancesTowardsOneOverTheDistance() {
    double[] drawn = DistancePrior.drawn(new double[] {6, 2, 0, 0});
    // half of 6/8, 2/8, 0, 0 and half of 1, 1/2, 1/3, 1/4 over 25/12
    assertThat(drawn[0]).isCloseTo(0.375 + 6.0 / 25, within(1e-12));
    assertThat(drawn[1]).isCloseTo(0.125 + 3.0 / 25, within(1e-12));
    assertThat(drawn[2]).isCloseTo(2.0 / 25, within(1e-12));
    assertThat(drawn[3]).isCloseTo(1.5 / 25, within(1e-12));
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "deepseek-v2"})
  void doesNotDependOnTheNumberOfThreads(String name) throws Exception {
    Sample sample = sample(name, 19);
    LayerStatistics alone = in(1, sample);
    for (int threads : new int[] {2, 5}) {
      LayerStatistics many = in(threads, sample);
      assertThat(many.states().elements()).isEqualTo(alone.states().elements());
      assertThat(many.sensitivity()).isEqualTo(alone.sensitivity());
      assertThat(many.distances()).isDeepEqualTo(alone.distances());
      for (int h = 0; h < alone.queries().size(); h++) {
        assertThat(many.queries().get(h).elements()).isEqualTo(alone.queries().get(h).elements());
      }
    }
  }

  private static LayerStatistics in(int threads, Sample sample) throws Exception {
    try (var pool = new ForkJoinPool(threads)) {
      return pool.submit(sample::collect).get();
    }
  }

  /// Σ_i Σ_j a_ij ‖W_O (v_j − o_i)‖² over one window.
  private static double spread(
      Sample sample, Projected projected, float[] probabilities, int head) {
    double[][] values = new double[TOKENS][];
    for (int t = 0; t < TOKENS; t++) {
      values[t] = written(sample, value(sample, projected.rows(), t, head), head);
    }
    double spread = 0;
    for (int i = 0; i < TOKENS; i++) {
      double[] mean = new double[values[i].length];
      for (int j = 0; j <= i; j++) {
        for (int c = 0; c < mean.length; c++) {
          mean[c] += probabilities[i * TOKENS + j] * values[j][c];
        }
      }
      for (int j = 0; j <= i; j++) {
        for (int c = 0; c < mean.length; c++) {
          double apart = values[j][c] - mean[c];
          spread += probabilities[i * TOKENS + j] * apart * apart;
        }
      }
    }
    return spread;
  }

  /// W_O of one head's value, `[D]`.
  private static double[] written(Sample sample, double[] value, int head) {
    float[] output = sample.weights.get(AttentionTensor.O_PROJ);
    int width = sample.layout().queryHeads() * value.length;
    double[] written = new double[sample.spec.hiddenSize()];
    for (int r = 0; r < written.length; r++) {
      for (int c = 0; c < value.length; c++) {
        written[r] += output[r * width + head * value.length + c] * value[c];
      }
    }
    return written;
  }

  private static double[] value(Sample sample, float[] rows, int token, int head) {
    double[] state = state(sample.layout(), rows, token);
    if (sample.layout() instanceof Gqa gqa) {
      int group = head * gqa.kvHeads() / gqa.queryHeads();
      return part(state, (gqa.kvHeads() + group) * gqa.headDim(), gqa.headDim());
    }
    Gla mla = (Gla) sample.layout();
    float[] up = sample.weights.get(AttentionTensor.KV_B_PROJ);
    double[] value = new double[mla.valueDim()];
    for (int r = 0; r < value.length; r++) {
      int row = head * (mla.nopeDim() + mla.valueDim()) + mla.nopeDim() + r;
      for (int c = 0; c < mla.latentDim(); c++) {
        value[r] += up[row * mla.latentDim() + c] * state[c];
      }
    }
    return value;
  }

  /// Keys of all kv heads, then their values; or the latent.
  private static double[] state(AttentionLayout layout, float[] rows, int token) {
    int width = layout.cacheRow().elements();
    if (layout instanceof Gqa gqa) {
      double[] state = new double[2 * gqa.kvHeads() * gqa.headDim()];
      for (int i = 0; i < state.length; i++) {
        int value = i / (gqa.kvHeads() * gqa.headDim());
        int group = i / gqa.headDim() % gqa.kvHeads();
        int from = (2 * group + value) * gqa.headDim() + i % gqa.headDim();
        state[i] = rows[token * width + from];
      }
      return state;
    }
    return part(rows, token * width, layout.cacheRow().stateDim());
  }

  private static double[] query(AttentionLayout layout, float[] queries, int token, int head) {
    int dim = layout.queryDim();
    return part(queries, (token * layout.queryHeads() + head) * dim, dim);
  }

  private static double[] part(float[] all, int from, int count) {
    double[] part = new double[count];
    for (int i = 0; i < count; i++) {
      part[i] = all[from + i];
    }
    return part;
  }

  private static double[] part(double[] all, int from, int count) {
    return java.util.Arrays.copyOfRange(all, from, from + count);
  }

  private static void addOuter(Matrix sum, double[] vector) {
    for (int r = 0; r < vector.length; r++) {
      for (int c = 0; c < vector.length; c++) {
        sum.elements()[r * vector.length + c] += vector[r] * vector[c];
      }
    }
  }

  private static void assertClose(Matrix found, Matrix expected) {
    assertThat(found.minus(expected).frobenius()).isLessThan(1e-5 * expected.frobenius());
  }
}
