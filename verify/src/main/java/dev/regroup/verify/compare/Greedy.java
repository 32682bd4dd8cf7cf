package dev.regroup.verify.compare;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.runtime.decode.Decoder;
import dev.regroup.verify.measure.TopTokens;
import java.util.ArrayList;
import java.util.List;

/// What models write by themselves, always the most likely token.
public final class Greedy {
  private Greedy() {}

  /// Bytes of all weights as float32: writing needs every layer for every token, so that all are
  /// held.
  public static long bytes(ModelSpec spec) {
    return 4 * spec.tensors().values().stream().mapToLong(Shape::elements).sum();
  }

  /// Continues each prompt by `count` tokens.
  public static List<int[]> continuations(Subject subject, List<int[]> prompts, int count) {
    try (var decoder = new Decoder(subject.model(), subject.device().decodeKernel())) {
      return continuations(decoder, prompts, count);
    }
  }

  private static List<int[]> continuations(Decoder decoder, List<int[]> prompts, int count) {
    var continuations = new ArrayList<int[]>();
    for (int[] prompt : prompts) {
      decoder.reset();
      float[] logits = {};
      for (int token : prompt) {
        logits = decoder.step(token);
      }
      int[] written = new int[count];
      for (int i = 0; i < count; i++) {
        written[i] = TopTokens.of(logits, 0, logits.length, 1)[0];
        logits = i + 1 < count ? decoder.step(written[i]) : logits;
      }
      continuations.add(written);
    }
    return continuations;
  }

  /// How many tokens two continuations share before they part, on average over prompts.
  public static double agreement(List<int[]> one, List<int[]> other) {
    double agreed = 0;
    for (int i = 0; i < one.size(); i++) {
      int[] first = one.get(i);
      int[] second = other.get(i);
      int same = 0;
      while (same < first.length && first[same] == second[same]) {
        same++;
      }
      agreed += same;
    }
    return agreed / one.size();
  }
}
