package dev.regroup.verify.compare;

import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Transformer;
import dev.regroup.verify.measure.Deviation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A contender's residual streams on their way through the layers, and what was measured of them.
final class Stream {
  private final Contender contender;
  private final int tokens;
  private final float[][] hidden;
  private final List<LayerDeviation> layers = new ArrayList<>();

  private Stream(Contender contender, int tokens, float[][] hidden) {
    this.contender = contender;
    this.tokens = tokens;
    this.hidden = hidden;
  }

  /// The contender's own embedding of its windows.
  static Stream begin(Contender contender, List<int[]> windows) {
    float[][] hidden = embed(contender.subject(), windows.subList(0, contender.windows()));
    return new Stream(contender, windows.getFirst().length, hidden);
  }

  static float[][] embed(Subject subject, List<int[]> windows) {
    var embedding = subject.model().embedding();
    return windows.stream().map(embedding::embed).toArray(float[][]::new);
  }

  Contender contender() {
    return contender;
  }

  /// `[tokens, D]`, the residual stream of a window.
  float[] hidden(int window) {
    return hidden[window];
  }

  List<LayerDeviation> layers() {
    return layers;
  }

  /// Runs one layer over every window.
  ///
  /// @param source the source's layer
  /// @param before the source's residual streams before the layer
  /// @param steps what the source's layer made of them
  void advance(int layer, DecoderLayer source, float[][] before, Step[] steps) {
    Transformer model = contender.subject().model();
    try (DecoderLayer own =
        contender.sharesFeedForward(layer) ? model.layer(layer, source) : model.layer(layer)) {
      layers.add(advance(own, before, steps));
    }
  }

  private LayerDeviation advance(DecoderLayer own, float[][] before, Step[] steps) {
    var attention = new Deviation[hidden.length];
    var stream = new Deviation[hidden.length];
    long[] same = new long[hidden.length];
    long[] experts = new long[hidden.length];
    Parallel.forEach(
        hidden.length,
        window -> {
          Step source = steps[window];
          float[] fromSource = Step.attention(own, before[window], tokens);
          attention[window] = Deviation.of(source.attention(), fromSource);
          Step step = Step.of(own, hidden[window], tokens);
          stream[window] = Deviation.of(source.hidden(), step.hidden());
          same[window] = sameExperts(source.experts(), step.experts());
          experts[window] = source.experts().length;
          hidden[window] = step.hidden();
        });
    return new LayerDeviation(
        List.of(attention),
        List.of(stream),
        Arrays.stream(same).sum(),
        Arrays.stream(experts).sum());
  }

  /// Choices of each token that both made, in whatever order.
  private int sameExperts(int[] source, int[] own) {
    int perToken = source.length / tokens;
    int same = 0;
    for (int token = 0; token < tokens && perToken > 0 && own.length == source.length; token++) {
      for (int i = token * perToken; i < (token + 1) * perToken; i++) {
        for (int j = token * perToken; j < (token + 1) * perToken; j++) {
          same += source[i] == own[j] ? 1 : 0;
        }
      }
    }
    return same;
  }
}
