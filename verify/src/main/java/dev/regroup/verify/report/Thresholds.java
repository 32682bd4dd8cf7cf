package dev.regroup.verify.report;

import java.util.OptionalDouble;

/// How much of the source's quality the user is ready to lose. There are no defaults: what a
/// conversion may cost is not ours to say.
///
/// @param maxPerplexityRatio target over source, such as 1.05
/// @param maxKl mean KL(source || target), nats per token
/// @param minTop1 share of tokens on which both find the same token most likely
/// @param origin who set them, such as `command line`
public record Thresholds(
    OptionalDouble maxPerplexityRatio,
    OptionalDouble maxKl,
    OptionalDouble minTop1,
    String origin) {
  public Thresholds {
    requirePositive("max perplexity ratio", maxPerplexityRatio);
    requirePositive("max KL", maxKl);
    requirePositive("min top-1 agreement", minTop1);
    if (minTop1.orElse(0) > 1) {
      throw new IllegalArgumentException(
          "min top-1 agreement: expected a share of at most 1, found " + minTop1.getAsDouble());
    }
  }

  /// None at all.
  public static Thresholds none() {
    return new Thresholds(
        OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.empty(), "none");
  }

  /// Whether none was given.
  public boolean isEmpty() {
    return maxPerplexityRatio.isEmpty() && maxKl.isEmpty() && minTop1.isEmpty();
  }

  private static void requirePositive(String name, OptionalDouble limit) {
    if (limit.isPresent() && !(limit.getAsDouble() >= 0 && Double.isFinite(limit.getAsDouble()))) {
      throw new IllegalArgumentException(
          "%s: expected a number of at least 0, found %s".formatted(name, limit.getAsDouble()));
    }
  }
}
