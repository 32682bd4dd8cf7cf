package dev.regroup.cli.inspect;

import dev.regroup.cli.console.Quantity;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;

/// A rotary embedding in a few words, read off its frequencies.
///
/// @param kind `none`, `default` (`theta^(-2l/dim)`), `linear` (all of them divided by one factor),
///     `scaled` (the slow ones slowed down, as llama3 and YaRN do), `chosen` (from a source's frequencies,
///     by a conversion) or `custom`
/// @param theta the base that the two fastest pairs speak of; 0 where they say nothing, as where the
///     second one is scaled too
/// @param factor by how much the slowest pair is slower than `default` has it; 1 where not known
public record RopeSummary(String kind, double theta, double factor) {
  private static final double TOLERANCE = 1e-4;

  /// Reads the frequencies of a sublayer.
  public static RopeSummary of(AttentionSpec attention) {
    return isChosen(attention) ? new RopeSummary("chosen", 0, 1) : of(attention.rope());
  }

  /// Whether a conversion chose the frequencies: it made the rotary key anew.
  static boolean isChosen(AttentionSpec attention) {
    return switch (attention.state()) {
      case StatePath.KeyValue _, StatePath.Reference _ -> false;
      case StatePath.Tied _, StatePath.Encoded _ -> true;
      case StatePath.Latent(int _, boolean norm, boolean _, boolean _) -> !norm;
    };
  }

  /// Reads the frequencies of `rope`.
  public static RopeSummary of(Rope rope) {
    double[] frequencies = rope.frequencies();
    if (frequencies.length == 0) {
      return new RopeSummary("none", 0, 1);
    }
    if (frequencies.length == 1) {
      return isClose(frequencies[0], 1)
          ? new RopeSummary("default", 0, 1)
          : new RopeSummary("linear", 0, 1 / frequencies[0]);
    }
    double theta = Math.pow(frequencies[1] / frequencies[0], -rope.dim() / 2.0);
    double fastest = frequencies[0];
    boolean geometric = true;
    for (int l = 0; l < frequencies.length; l++) {
      geometric &= isClose(frequencies[l], fastest * standard(theta, l, rope.dim()));
    }
    int slowest = frequencies.length - 1;
    double factor = standard(theta, slowest, rope.dim()) / frequencies[slowest];
    if (geometric) {
      return new RopeSummary(isClose(fastest, 1) ? "default" : "linear", theta, 1 / fastest);
    }
    if (!isClose(fastest, 1)) {
      return new RopeSummary("custom", 0, 1);
    }
    return factor > 1 ? new RopeSummary("scaled", theta, factor) : new RopeSummary("scaled", 0, 1);
  }

  /// One cell of a table.
  ///
  /// @param rope what was summarised
  public String label(Rope rope) {
    if (kind.equals("none")) {
      return kind;
    }
    String base = theta == 0 ? "" : ", theta " + Quantity.significant(theta);
    String scaled = isClose(factor, 1) ? "" : ", slowest pair x1/" + Quantity.significant(factor);
    String gain =
        isClose(rope.attentionFactor(), 1)
            ? ""
            : ", attention factor " + Quantity.significant(rope.attentionFactor());
    return "%s (%d dims%s%s%s, %s)"
        .formatted(
            kind, rope.dim(), base, scaled, gain, rope.interleaved() ? "neighbours" : "halves");
  }

  private static double standard(double theta, int pair, int dim) {
    return Math.pow(theta, -2.0 * pair / dim);
  }

  private static boolean isClose(double value, double expected) {
    return Math.abs(value - expected) <= TOLERANCE * Math.abs(expected);
  }
}
