package dev.regroup.verify.compare;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.decode.LayerDecoder;
import dev.regroup.runtime.decode.PagedCache;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.OutputHead;
import dev.regroup.runtime.model.Residual;
import dev.regroup.verify.report.DecodeFindings;
import java.util.Arrays;
import java.util.List;

/// Holds a model against itself: token by token through the paged cache, and all tokens at once.
///
/// The tokens are given, so that a layer's decoding depends on the layers below it only: layers are
/// decoded one after another, with one layer's weights in memory, and what comes out is what
/// decoding the whole model token by token gives.
public final class DecodeLevel {
  /// Both ways compute the same sums in another order, and absorbed products associate differently:
  /// that moves a logit by some hundred roundings of float32, not by 1e-4 (1,678 roundings of
  /// 2^-24) of the largest. A wrong position, row or mask moves it by far more.
  private static final double RELATIVE_LIMIT = 1e-4;

  private final Subject subject;
  private final List<int[]> windows;
  private final int tokens;

  private DecodeLevel(Subject subject, List<int[]> windows) {
    this.subject = subject;
    this.windows = windows;
    this.tokens = windows.getFirst().length;
  }

  /// What decoding gave.
  ///
  /// @param elementsPerToken elements one token takes in the cache, over all layers: those of the
  ///     pages that were allocated, divided by the tokens that they hold when full
  public record Outcome(DecodeFindings.Side side, double elementsPerToken) {}

  /// Decodes some windows.
  ///
  /// @param windows token ids, all of one length
  public static Outcome run(Subject subject, List<int[]> windows, Progress progress) {
    return new DecodeLevel(subject, windows).run(progress);
  }

  private Outcome run(Progress progress) {
    ModelSpec spec = subject.spec();
    progress.begin("decoding " + subject.name(), spec.layers().size());
    float[][] whole = Stream.embed(subject, windows);
    float[][] stepped = Stream.embed(subject, windows);
    double elements = 0;
    for (int index = 0; index < spec.layers().size(); index++) {
      double[] perToken = new double[windows.size()];
      try (DecoderLayer layer = subject.model().layer(index)) {
        Parallel.forEach(
            windows.size(),
            w -> {
              whole[w] = layer.forward(whole[w], tokens);
              perToken[w] = decode(layer, stepped[w]);
            });
      }
      elements += perToken[0];
      progress.advance(index + 1L, "");
    }
    return new Outcome(compare(whole, stepped), elements);
  }

  /// Decodes one layer in place.
  ///
  /// @return elements of a token in the cache, as allocated
  private double decode(DecoderLayer layer, float[] hidden) {
    var decoder = new LayerDecoder(layer.attention(), subject.device().decodeKernel());
    int width = hidden.length / tokens;
    for (int token = 0; token < tokens; token++) {
      float[] row = Arrays.copyOfRange(hidden, token * width, (token + 1) * width);
      row = Residual.sum(row, decoder.append(layer.attentionInput(row, 1), 1));
      row = Residual.sum(row, layer.feedForward(row, 1));
      System.arraycopy(row, 0, hidden, token * width, width);
    }
    PagedCache cache = decoder.cache();
    return (double) cache.allocatedElements() / ((long) cache.pages() * PagedCache.PAGE_TOKENS);
  }

  private DecodeFindings.Side compare(float[][] whole, float[][] stepped) {
    try (OutputHead head = subject.model().head()) {
      return compare(head, whole, stepped);
    }
  }

  private DecodeFindings.Side compare(OutputHead head, float[][] whole, float[][] stepped) {
    double[] differences = new double[windows.size()];
    double[] largest = new double[windows.size()];
    Parallel.forEach(
        windows.size(),
        w -> {
          for (int token = 0; token < tokens; token++) {
            float[] expected = head.logits(whole[w], token, 1);
            float[] found = head.logits(stepped[w], token, 1);
            for (int i = 0; i < expected.length; i++) {
              // Math.max passes a NaN on
              differences[w] = Math.max(differences[w], Math.abs((double) found[i] - expected[i]));
              largest[w] = Math.max(largest[w], Math.abs(expected[i]));
            }
          }
        });
    double difference = 0;
    double size = 0;
    for (int w = 0; w < differences.length; w++) {
      difference = Math.max(difference, differences[w]);
      size = Math.max(size, largest[w]);
    }
    return new DecodeFindings.Side(difference, size, RELATIVE_LIMIT * Math.max(1, size));
  }
}
