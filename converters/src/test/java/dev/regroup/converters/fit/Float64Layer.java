package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.converters.closedform.LatentNorm;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.model.AttentionSublayers;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

/// A layer's forward pass in float64, element by element, straight from the definitions: what
/// derivatives are held to.
final class Float64Layer {
  private final FactoredAttention layer;
  private final Extents extents;
  private final Map<Part, double[]> maps = new EnumMap<>(Part.class);

  Float64Layer(FactoredAttention layer) {
    this.layer = layer;
    extents = Extents.of(layer);
    for (Part part : Part.values()) {
      float[] values = Maps.get(layer, part);
      double[] wide = new double[values.length];
      for (int i = 0; i < wide.length; i++) {
        wide[i] = values[i];
      }
      maps.put(part, wide);
    }
  }

  /// A map, to be changed.
  double[] map(Part part) {
    return Objects.requireNonNull(maps.get(part));
  }

  /// The output `[tokens][D]`.
  double[][] output(Inputs inputs) {
    int tokens = inputs.tokens();
    double[][] queries = queries(inputs.query());
    double[][] states = mapped(inputs.state(), map(Part.STATE), layer.biases().state());
    if (layer.norm().active()) {
      Arrays.stream(states).forEach(this::norm);
    }
    double[][] rope = mapped(inputs.rope(), map(Part.ROPE_KEY), layer.biases().ropeKey());
    for (int t = 0; t < tokens; t++) {
      for (int h = 0; h < extents.heads(); h++) {
        rotate(queries[t], h * extents.queryDim() + extents.keyDim(), t);
      }
      rotate(rope[t], 0, t);
    }
    double[] output = map(Part.OUTPUT);
    int width = extents.heads() * extents.valueDim();
    double[][] result = new double[tokens][output.length / width];
    for (int t = 0; t < tokens; t++) {
      double[] heads = heads(t, queries[t], states, rope);
      for (int o = 0; o < result[t].length; o++) {
        for (int c = 0; c < width; c++) {
          result[t][o] += output[o * width + c] * heads[c];
        }
      }
    }
    return result;
  }

  /// The RMS norm of each latent, in place.
  private void norm(double[] latents) {
    int dim = extents.stateDim();
    for (int first = 0; first < latents.length; first += dim) {
      double squares = 0;
      for (int c = 0; c < dim; c++) {
        squares += latents[first + c] * latents[first + c];
      }
      double root = Math.sqrt(squares / dim + AttentionSublayers.LATENT_NORM_EPSILON);
      for (int c = 0; c < dim; c++) {
        latents[first + c] *= map(Part.NORM_GAIN)[first + c] * LatentNorm.unit(c, dim) / root;
      }
    }
  }

  private double[][] queries(FloatBlock input) {
    if (!(layer.spec().query() instanceof QueryPath.Mixed(int dim, boolean _))) {
      return mapped(input, map(Part.QUERY), layer.biases().query());
    }
    int rows = extents.heads() * extents.queryDim();
    double[][] queries = new double[input.rows()][rows];
    for (int t = 0; t < queries.length; t++) {
      for (int r = 0; r < rows; r++) {
        double sum = layer.biases().query().length == 0 ? 0 : layer.biases().query()[r];
        int head = r / extents.queryDim();
        for (int c = 0; c < dim; c++) {
          sum += map(Part.QUERY)[r * dim + c] * at(input, t, head * dim + c);
        }
        queries[t][r] = sum;
      }
    }
    return queries;
  }

  private static double at(FloatBlock block, int row, int column) {
    return block.elements()[block.offset() + row * block.stride() + column];
  }

  private static double[][] mapped(FloatBlock input, double[] map, float[] bias) {
    int rows = map.length / input.columns();
    double[][] result = new double[input.rows()][rows];
    for (int t = 0; t < result.length; t++) {
      for (int r = 0; r < rows; r++) {
        double sum = bias.length == 0 ? 0 : bias[r];
        for (int c = 0; c < input.columns(); c++) {
          sum += map[r * input.columns() + c] * at(input, t, c);
        }
        result[t][r] = sum;
      }
    }
    return result;
  }

  private void rotate(double[] row, int first, int position) {
    Rope rope = layer.spec().rope();
    int half = extents.ropeDim() / 2;
    for (int k = 0; k < half; k++) {
      int real = first + (rope.interleaved() ? 2 * k : k);
      int imaginary = rope.interleaved() ? real + 1 : real + half;
      double angle = position * rope.inverseFrequencies().get(k);
      double cos = Math.cos(angle) * rope.attentionFactor();
      double sin = Math.sin(angle) * rope.attentionFactor();
      double x = row[real];
      double y = row[imaginary];
      row[real] = x * cos - y * sin;
      row[imaginary] = x * sin + y * cos;
    }
  }

  private double[] heads(int token, double[] query, double[][] states, double[][] rope) {
    int window = layer.spec().window();
    int from = window == 0 ? 0 : Math.max(0, token - window + 1);
    double[] result = new double[extents.heads() * extents.valueDim()];
    for (int h = 0; h < extents.heads(); h++) {
      double[] weights = new double[token - from + 1];
      double sum = 0;
      for (int j = from; j <= token; j++) {
        weights[j - from] = Math.exp(score(h, query, states[j], rope[j]));
        sum += weights[j - from];
      }
      for (int j = from; j <= token; j++) {
        for (int c = 0; c < extents.valueDim(); c++) {
          result[h * extents.valueDim() + c] += weights[j - from] / sum * value(h, c, states[j]);
        }
      }
    }
    return result;
  }

  private double score(int head, double[] query, double[] states, double[] rope) {
    int first = head * extents.queryDim();
    double score = 0;
    for (int c = 0; c < extents.keyDim(); c++) {
      score += query[first + c] * key(head, c, states);
    }
    for (int c = 0; c < extents.ropeDim(); c++) {
      score += query[first + extents.keyDim() + c] * rope[c];
    }
    return score * layer.spec().softmaxScale();
  }

  private double key(int head, int element, double[] states) {
    return extents.tied()
        ? states[head / extents.group() * extents.stateDim() + element]
        : up(map(Part.KEY_UP), head * extents.keyDim() + element, head, states);
  }

  private double value(int head, int element, double[] states) {
    return extents.tied()
        ? states[head / extents.group() * extents.stateDim() + element]
        : up(map(Part.VALUE_UP), head * extents.valueDim() + element, head, states);
  }

  private double up(double[] map, int row, int head, double[] states) {
    int dim = extents.stateDim();
    double sum = 0;
    for (int c = 0; c < dim; c++) {
      sum += map[row * dim + c] * states[head / extents.group() * dim + c];
    }
    return sum;
  }
}
