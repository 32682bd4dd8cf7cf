package dev.regroup.verify.judge;

import dev.regroup.verify.compare.AttentionAlone;
import dev.regroup.verify.report.Check;
import dev.regroup.verify.report.Level;
import dev.regroup.verify.report.Status;
import java.util.List;
import java.util.Locale;

/// Checks of an examination that ran attention sublayers alone.
final class AttentionChecks {
  private AttentionChecks() {}

  static List<Check> of(AttentionAlone.Outcome found, String tooLarge) {
    return List.of(
        Check.of(
            Level.ATTENTION.label(),
            "input",
            Status.PASS,
            "embeddings and what attention adds to them; feed-forward sublayers are left out: "
                + tooLarge),
        Check.of(
            Check.CONTROLS,
            "source against itself",
            found.twinError() == 0 ? Status.PASS : Status.FAIL,
            found.twinError() == 0
                ? "exactly 0 in every layer's attention"
                : "the instrument is broken: largest error " + found.twinError()),
        Check.of(
            Check.CONTROLS,
            "planted fault",
            found.detected() ? Status.PASS : Status.FAIL,
            String.format(
                Locale.ROOT,
                "%s: layer %d, head %d negated in the target: the layer's error %.3g to %.3g",
                found.detected() ? "detected" : "not detected, the instrument is broken",
                found.faultLayer(),
                found.faultHead(),
                found.errorWithout(),
                found.errorWith())));
  }
}
