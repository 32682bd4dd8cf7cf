package dev.regroup.verify;

import dev.regroup.runtime.text.TokenWindows;
import dev.regroup.verify.report.Level;
import dev.regroup.verify.report.Thresholds;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/// What to verify, and how thoroughly.
///
/// @param text what both models read; where there is none, levels that need text are skipped and
///     the others run on random tokens
/// @param levels to check; empty for all that can be, in which case a skipped one does not stand in
///     the way of a PASS
/// @param thresholds what quality may be lost
/// @param decodeTokens tokens of a window to decode one by one; windows that are shorter are
///     decoded whole
/// @param memory bytes that may be used; where a layer does not fit, its attention is run alone
public record VerifyOptions(
    Optional<TokenWindows> text,
    Set<Level> levels,
    Thresholds thresholds,
    int decodeTokens,
    long memory) {
  /// More than a page of the cache, so that decoding crosses into a second.
  public static final int DECODE_TOKENS = 96;

  /// Options for a process that may use what its JVM was given.
  public VerifyOptions(
      Optional<TokenWindows> text, Set<Level> levels, Thresholds thresholds, int decodeTokens) {
    this(text, levels, thresholds, decodeTokens, Runtime.getRuntime().maxMemory());
  }

  public VerifyOptions {
    levels = Set.copyOf(levels);
    if (decodeTokens < 1) {
      throw new IllegalArgumentException(
          "decode tokens: expected at least 1, found " + decodeTokens);
    }
    if (!thresholds.isEmpty() && !levels.isEmpty() && !levels.contains(Level.LOGITS)) {
      throw new IllegalArgumentException(
          "thresholds are checked at level \"logits\", which is not among the levels %s -> add it"
              .formatted(levels.stream().sorted().map(Level::label).toList()));
    }
    text.ifPresent(VerifyOptions::requirePairs);
  }

  /// Everything that can be checked, without thresholds.
  public static VerifyOptions on(Optional<TokenWindows> text) {
    return new VerifyOptions(text, Set.of(), Thresholds.none(), DECODE_TOKENS);
  }

  /// Levels to check.
  Set<Level> wanted() {
    return levels.isEmpty() ? EnumSet.allOf(Level.class) : levels;
  }

  /// Levels whose absence is no PASS.
  Set<Level> insisted() {
    var insisted = EnumSet.noneOf(Level.class);
    insisted.addAll(levels);
    if (!thresholds.isEmpty()) {
      insisted.add(Level.LOGITS);
    }
    return insisted;
  }

  private static void requirePairs(TokenWindows windows) {
    if (windows.windows().isEmpty() || windows.windowTokens() < 2) {
      throw new IllegalArgumentException(
          "text: expected windows of at least 2 tokens, found %d of %d"
              .formatted(windows.windows().size(), windows.windowTokens()));
    }
  }
}
