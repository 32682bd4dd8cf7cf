package dev.regroup.verify.judge;

import dev.regroup.verify.report.CacheFindings;
import dev.regroup.verify.report.Check;
import dev.regroup.verify.report.ControlFindings;
import dev.regroup.verify.report.DecodeFindings;
import dev.regroup.verify.report.Level;
import dev.regroup.verify.report.Status;
import dev.regroup.verify.report.TensorFindings;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/// Checks of what must hold whatever quality the user asks for.
final class ExactChecks {
  /// Names listed in a reason; the report holds all.
  private static final int NAMED = 3;

  private ExactChecks() {}

  static List<Check> tensors(TensorFindings found) {
    String level = Level.TENSORS.label();
    var wrong = new ArrayList<>(found.different());
    wrong.addAll(found.missing());
    var checks = new ArrayList<Check>();
    checks.add(
        Check.of(
            level,
            "unchanged tensors",
            wrong.isEmpty() ? Status.PASS : Status.FAIL,
            wrong.isEmpty()
                ? String.format(
                    Locale.ROOT,
                    "%d tensors outside attention, %,d bytes, are the source's byte for byte",
                    found.identical(),
                    found.identicalBytes())
                : "%d differ from the source, %d are missing: %s"
                    .formatted(found.different().size(), found.missing().size(), some(wrong))));
    if (!found.recast().isEmpty()) {
      checks.add(
          Check.of(
              level,
              "recast tensors",
              Status.PASS,
              "%d are stored in another dtype, each element within one rounding: %s"
                  .formatted(found.recast().size(), some(found.recast()))));
    }
    checks.add(none(level, "needed tensors", found.misshapen(), "are missing or of another shape"));
    checks.add(
        found.config().isEmpty()
            ? Check.of(level, "config", Status.PASS, "says what the source's says, attention apart")
            : Check.of(level, "config", Status.FAIL, "differs in " + some(found.config())));
    checks.add(none(level, "finite weights", found.notFinite(), "hold a NaN or an infinity"));
    return checks;
  }

  private static Check none(String level, String name, List<String> wrong, String what) {
    return wrong.isEmpty()
        ? Check.of(level, name, Status.PASS, "none of the target's tensors " + what)
        : Check.of(
            level, name, Status.FAIL, "%d %s: %s".formatted(wrong.size(), what, some(wrong)));
  }

  static List<Check> decode(DecodeFindings found, CacheFindings cache) {
    String level = Level.DECODE.label();
    var checks = new ArrayList<Check>();
    checks.add(prefill("source decode equals prefill", found.source(), found));
    checks.add(prefill("target decode equals prefill", found.target(), found));
    checks.add(cache("source cache size", cache.source()));
    checks.add(cache("target cache size", cache.target()));
    checks.add(
        Double.isNaN(found.agreement())
            ? Check.of(
                level,
                "greedy continuation",
                Status.SKIPPED,
                "writing needs all weights in memory, of the JVM or of the device -> give it more")
            : Check.measured(
                level,
                "greedy continuation",
                found.agreement(),
                String.format(
                    Locale.ROOT,
                    "on average both write the same %.1f of %d tokens before they part",
                    found.agreement(),
                    found.continuation())));
    return checks;
  }

  private static Check prefill(String name, DecodeFindings.Side side, DecodeFindings found) {
    return Check.limited(
        Level.DECODE.label(),
        name,
        side.holds() ? Status.PASS : Status.FAIL,
        new Check.Bounded(side.maxDifference(), side.limit()),
        String.format(
            Locale.ROOT,
            "largest difference of a logit %.2e, limit %.2e (1e-4 of the largest logit, %.3g),"
                + " %d windows of %d tokens",
            side.maxDifference(),
            side.limit(),
            side.maxLogit(),
            found.windows(),
            found.tokens()));
  }

  private static Check cache(String name, CacheFindings.Side side) {
    return new Check(
        Level.DECODE.label(),
        name,
        side.agree() ? Status.PASS : Status.FAIL,
        side.measured(),
        OptionalDouble.of(side.computed()),
        String.format(
            Locale.ROOT,
            "the decoder allocated %.1f bytes per token, the layout computes %.1f",
            side.bytesPerToken(),
            side.computed()));
  }

  static List<Check> controls(ControlFindings found) {
    ControlFindings.Identity identity = found.identity();
    return List.of(
        Check.of(
            Check.CONTROLS,
            "source against itself",
            identity.exact() ? Status.PASS : Status.FAIL,
            identity.exact()
                ? "exactly 0: KL, layer errors; exactly 1: perplexity ratio, top-1"
                : "the instrument is broken: largest KL %s, perplexity ratio %s, top-1 %s"
                    .formatted(identity.maxKl(), identity.perplexityRatio(), identity.top1())),
        planted(found.fault()));
  }

  private static Check planted(ControlFindings.PlantedFault fault) {
    String name = "planted fault";
    if (!Double.isFinite(fault.klWithout())) {
      return Check.of(
          Check.CONTROLS, name, Status.SKIPPED, "the target's own logits are not finite");
    }
    return Check.of(
        Check.CONTROLS,
        name,
        fault.detected() ? Status.PASS : Status.FAIL,
        String.format(
            Locale.ROOT,
            "%s: layer %d, head %d negated in the target: KL %.3g to %.3g, the layer's error"
                + " %.3g to %.3g, other layers %s",
            fault.detected() ? "detected" : "not detected, the instrument is broken",
            fault.layer(),
            fault.head(),
            fault.klWithout(),
            fault.klWith(),
            fault.errorWithout(),
            fault.errorWith(),
            fault.othersUnchanged() ? "as before" : "changed"));
  }

  static String some(List<String> names) {
    String listed = String.join(", ", names.subList(0, Math.min(NAMED, names.size())));
    return names.size() > NAMED ? listed + ", ..." : listed;
  }
}
