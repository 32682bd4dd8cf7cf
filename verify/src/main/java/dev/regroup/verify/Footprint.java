package dev.regroup.verify;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.verify.compare.Subject;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// How much memory it takes to run models layer by layer.
final class Footprint {
  private Footprint() {}

  /// Why models cannot be run, in one line: neither one layer's weights nor both output heads fit, in
  /// float32.
  ///
  /// @param memory bytes that this process may use; a quarter is left for activations
  static Optional<String> tooLarge(Subject source, Subject target, long memory) {
    long needed = Math.max(largest(source.spec()), largest(target.spec()));
    if (needed <= memory / 4 * 3) {
      return Optional.empty();
    }
    return Optional.of(
        String.format(
            Locale.ROOT,
            "one layer's weights, or both output heads, take %.1f GB in float32, and %.1f GB may be"
                + " used -> give the JVM more (-Xmx)",
            needed / 1e9,
            memory / 1e9));
  }

  private static long largest(ModelSpec model) {
    long heads = 2L * model.vocabularySize() * model.hiddenSize() * Float.BYTES;
    return Math.max(heads, largestLayer(model));
  }

  private static long largestLayer(ModelSpec model) {
    return model.layers().stream()
            .mapToLong(
                layer ->
                    elements(layer.feedForward().tensors(model.hiddenSize()))
                        + elements(layer.attention().tensors(model.hiddenSize())))
            .max()
            .orElse(0)
        * Float.BYTES;
  }

  private static long elements(Map<?, Shape> tensors) {
    return tensors.values().stream().mapToLong(Shape::elements).sum();
  }
}
