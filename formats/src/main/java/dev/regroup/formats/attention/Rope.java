package dev.regroup.formats.attention;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.DoubleStream;

/// Rotary position embedding as it is applied: pair l of a head turns by `position * frequency(l)`.
///
/// @param inverseFrequencies radians per token of each pair, after any scaling (linear, llama3,
///     YaRN); as many as half the rotated elements
/// @param interleaved whether a pair is elements (2l, 2l+1), as DeepSeek stores weights; otherwise it
///     is (l, l + dim/2), as Hugging Face stores Llama's
/// @param attentionFactor multiplies cosine and sine, so that a product of rotated query and key
///     carries its square; 1 without YaRN
public record Rope(List<Double> inverseFrequencies, boolean interleaved, double attentionFactor) {
  private static final MathContext DIGITS = new MathContext(9);

  public Rope {
    inverseFrequencies = List.copyOf(inverseFrequencies);
  }

  /// Unscaled frequencies `theta^(-2l/dim)`.
  public static Rope standard(int dim, double theta, boolean interleaved) {
    return new Rope(standardFrequencies(dim, theta), interleaved, 1);
  }

  /// `theta^(-2l/dim)` for l in [0, dim/2).
  public static List<Double> standardFrequencies(int dim, double theta) {
    return DoubleStream.iterate(0, l -> l + 2)
        .limit(dim / 2)
        .mapToObj(twice -> Math.pow(theta, -twice / dim))
        .toList();
  }

  /// The base θ, of at most nine digits, whose standard table these frequencies are, or nothing. A
  /// single frequency is that of every table.
  public OptionalDouble theta() {
    double theta =
        dim() == 2
            ? 10_000
            : new BigDecimal(Math.pow(inverseFrequencies.get(1), -dim() / 2.0))
                .round(DIGITS)
                .doubleValue();
    return inverseFrequencies.equals(standardFrequencies(dim(), theta))
        ? OptionalDouble.of(theta)
        : OptionalDouble.empty();
  }

  /// Rotated elements of a head.
  public int dim() {
    return 2 * inverseFrequencies.size();
  }

  /// The frequencies as an array.
  public double[] frequencies() {
    return inverseFrequencies.stream().mapToDouble(Double::doubleValue).toArray();
  }

  /// The index within a head of the first element of pair `pair`.
  public int first(int pair) {
    return interleaved ? 2 * pair : pair;
  }

  /// The index within a head of the second element of pair `pair`.
  public int second(int pair) {
    return interleaved ? 2 * pair + 1 : pair + dim() / 2;
  }
}
