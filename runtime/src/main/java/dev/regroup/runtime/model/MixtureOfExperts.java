package dev.regroup.runtime.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// A mixture of experts: each expert runs once, on the tokens that chose it.
///
/// An expert's outputs are added in expert order, whatever the order of a token's choice, so that
/// the sum does not depend on anything but the choice itself.
record MixtureOfExperts(Router router, List<GatedMlp> experts, @Nullable GatedMlp shared) {
  float[] apply(Operations operations, float[] x, int tokens) {
    int width = x.length / tokens;
    float[] sum = shared == null ? new float[x.length] : shared.apply(operations, x, tokens);
    Router.Choice choice = router.choose(operations, x, tokens);
    int perToken = choice.experts().length / tokens;
    int[] slots = new int[tokens];
    for (int e = 0; e < experts.size(); e++) {
      int count = 0;
      for (int slot = 0; slot < choice.experts().length; slot++) {
        if (choice.experts()[slot] == e) {
          slots[count++] = slot;
        }
      }
      if (count == 0) {
        continue;
      }
      float[] inputs = new float[count * width];
      for (int i = 0; i < count; i++) {
        System.arraycopy(x, slots[i] / perToken * width, inputs, i * width, width);
      }
      float[] outputs = experts.get(e).apply(operations, inputs, count);
      for (int i = 0; i < count; i++) {
        add(
            choice.weights()[slots[i]],
            outputs,
            i * width,
            sum,
            slots[i] / perToken * width,
            width);
      }
    }
    return sum;
  }

  private static void add(float weight, float[] from, int start, float[] to, int at, int width) {
    for (int i = 0; i < width; i++) {
      to[at + i] += weight * from[start + i];
    }
  }
}
