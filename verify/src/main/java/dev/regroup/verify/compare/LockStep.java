package dev.regroup.verify.compare;

import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.LayersAhead;
import dev.regroup.runtime.model.OutputHead;
import dev.regroup.verify.measure.TokenScore;
import dev.regroup.verify.measure.WindowScores;
import java.util.ArrayList;
import java.util.List;

/// One pass over the source and its contenders, layer by layer, on the same windows.
///
/// In memory at a time: the weights of one layer of two models, which share the feed-forward
/// sublayer where it is the same (a device reads one more ahead; at the end, two output heads), and
/// of every token one residual stream a model and two more activations of the source. Logits are
/// made in tiles and dropped; of a token a few numbers stay. Sums are formed in the order of
/// windows.
public final class LockStep {
  /// Logits of one tile of one model, at most: 16 MiB.
  private static final int TILE_ELEMENTS = 1 << 22;

  private final Subject source;
  private final List<int[]> windows;
  private final int tokens;
  private final Progress progress;

  private LockStep(Subject source, List<int[]> windows, Progress progress) {
    this.source = source;
    this.windows = windows;
    this.tokens = windows.getFirst().length;
    this.progress = progress;
  }

  /// Compares each contender with the source.
  ///
  /// @param windows token ids, all of one length of at least 2
  /// @return one for each contender, in their order
  public static List<Comparison> run(
      Subject source, List<Contender> contenders, List<int[]> windows, Progress progress) {
    return new LockStep(source, windows, progress).run(contenders);
  }

  private List<Comparison> run(List<Contender> contenders) {
    int layers = source.spec().layers().size();
    progress.begin("comparing layers", layers + 1L);
    float[][] hidden = Stream.embed(source, windows);
    List<Stream> streams = contenders.stream().map(c -> Stream.begin(c, windows)).toList();
    try (var ahead = new LayersAhead(source.model(), source.device().readsAhead(source.spec()))) {
      for (int layer = 0; layer < layers; layer++) {
        advance(ahead, layer, hidden, streams);
        progress.advance(layer + 1L, "layer " + layer);
      }
    }
    List<Comparison> comparisons = score(hidden, streams);
    progress.advance(layers + 1L, "logits");
    return comparisons;
  }

  /// Moves the source's stream, in place, and then every contender's past one layer.
  private void advance(LayersAhead ahead, int index, float[][] hidden, List<Stream> streams) {
    var steps = new Step[windows.size()];
    try (DecoderLayer layer = ahead.next()) {
      Parallel.forEach(steps.length, w -> steps[w] = Step.of(layer, hidden[w], tokens));
      for (Stream stream : streams) {
        stream.advance(index, layer, hidden, steps);
      }
    }
    for (int window = 0; window < steps.length; window++) {
      hidden[window] = steps[window].hidden();
    }
  }

  private List<Comparison> score(float[][] hidden, List<Stream> streams) {
    var comparisons = new ArrayList<Comparison>();
    try (OutputHead sourceHead = source.model().head()) {
      for (Stream stream : streams) {
        try (OutputHead ownHead = stream.contender().subject().model().head()) {
          var scores = new WindowScores[stream.contender().windows()];
          Parallel.forEach(
              scores.length,
              w -> {
                scores[w] = new WindowScores(tokens - 1);
                var pair = new Pair(sourceHead, hidden[w], ownHead, stream.hidden(w));
                score(pair, windows.get(w), scores[w]);
              });
          comparisons.add(new Comparison(stream.layers(), List.of(scores)));
        }
      }
    }
    return comparisons;
  }

  /// Two residual streams of a window, and the heads that read them.
  private record Pair(
      OutputHead sourceHead, float[] sourceHidden, OutputHead ownHead, float[] ownHidden) {}

  private void score(Pair pair, int[] window, WindowScores into) {
    int vocabulary = source.spec().vocabularySize();
    int tile = Math.max(1, Math.min(tokens - 1, TILE_ELEMENTS / vocabulary));
    for (int first = 0; first < tokens - 1; first += tile) {
      int count = Math.min(tile, tokens - 1 - first);
      float[] sourceLogits = pair.sourceHead.logits(pair.sourceHidden, first, count);
      float[] ownLogits = pair.ownHead.logits(pair.ownHidden, first, count);
      for (int row = 0; row < count; row++) {
        int next = window[first + row + 1];
        into.set(first + row, TokenScore.of(sourceLogits, ownLogits, row, vocabulary, next));
      }
    }
  }
}
