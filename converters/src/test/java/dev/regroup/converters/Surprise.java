package dev.regroup.converters;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.model.Transformer;
import java.util.List;

/// How surprised a model is by text.
final class Surprise {
  private Surprise() {}

  /// Mean negative log likelihood of every token but the first of each window, nats.
  static double mean(ModelSpec spec, Tensors weights, List<int[]> windows) {
    var model = new Transformer(spec, weights);
    int vocabulary = spec.vocabularySize();
    double sum = 0;
    long count = 0;
    for (int[] window : windows) {
      float[] logits = model.logits(window);
      for (int t = 0; t + 1 < window.length; t++) {
        sum += at(logits, t * vocabulary, vocabulary, window[t + 1]);
        count++;
      }
    }
    return sum / count;
  }

  private static double at(float[] logits, int from, int vocabulary, int token) {
    float most = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < vocabulary; i++) {
      most = Math.max(most, logits[from + i]);
    }
    double sum = 0;
    for (int i = 0; i < vocabulary; i++) {
      sum += Math.exp(logits[from + i] - most);
    }
    return Math.log(sum) + most - logits[from + token];
  }
}
