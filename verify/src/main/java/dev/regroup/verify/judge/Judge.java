package dev.regroup.verify.judge;

import dev.regroup.verify.report.Check;
import dev.regroup.verify.report.LayerFinding;
import dev.regroup.verify.report.Level;
import dev.regroup.verify.report.Status;
import dev.regroup.verify.report.Thresholds;
import dev.regroup.verify.report.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Makes checks of findings and a verdict of checks.
///
/// @param wanted levels to check
/// @param insisted levels the user named, or set thresholds on: one of them skipped is never a PASS
/// @param hasText whether the tokens are text; random ones say nothing about quality
public record Judge(
    Set<Level> wanted, Set<Level> insisted, Thresholds thresholds, boolean hasText) {
  private static final String NO_TEXT =
      "needs text, and none was given or no tokenizer can read it -> give a text file";

  public Judge {
    wanted = Set.copyOf(wanted);
    insisted = Set.copyOf(insisted);
  }

  /// A verdict, in one sentence, and what it is made of.
  public record Ruling(Verdict verdict, String reason, List<Check> checks) {}

  /// Judges findings.
  public Ruling rule(Findings found) {
    List<Check> checks = checks(found);
    Verdict verdict = verdict(checks);
    return new Ruling(verdict, reason(verdict, checks), checks);
  }

  private List<Check> checks(Findings found) {
    return found.tooLarge().isPresent() ? partly(found, found.tooLarge().get()) : whole(found);
  }

  /// Of models too large to run: what does not need whole layers.
  private List<Check> partly(Findings found, String tooLarge) {
    var checks = new ArrayList<Check>();
    found.tensors().ifPresent(tensors -> checks.addAll(ExactChecks.tensors(tensors)));
    for (Level level : Level.values()) {
      boolean attention = level == Level.ATTENTION && found.alone().isPresent();
      if (wanted.contains(level) && attention) {
        checks.add(FidelityChecks.attention(found.layers()));
        found.alone().ifPresent(alone -> checks.addAll(AttentionChecks.of(alone, tooLarge)));
      } else if (wanted.contains(level) && level != Level.TENSORS) {
        checks.add(Check.of(level.label(), "whole layers", Status.SKIPPED, tooLarge));
      }
    }
    return checks;
  }

  private List<Check> whole(Findings found) {
    var checks = new ArrayList<Check>();
    found.tensors().ifPresent(tensors -> checks.addAll(ExactChecks.tensors(tensors)));
    List<LayerFinding> layers = found.layers();
    if (wanted.contains(Level.ATTENTION)) {
      checks.add(FidelityChecks.attention(layers));
    }
    if (wanted.contains(Level.LAYERS)) {
      checks.addAll(
          hasText ? FidelityChecks.layers(layers) : List.of(skipped(Level.LAYERS, "drift")));
    }
    if (wanted.contains(Level.LOGITS)) {
      checks.addAll(
          found.logits().isPresent()
              ? FidelityChecks.logits(found.logits().get(), thresholds)
              : List.of(skipped(Level.LOGITS, "quality")));
    }
    found.decode().ifPresent(decode -> checks.addAll(ExactChecks.decode(decode, found.cache())));
    found.controls().ifPresent(controls -> checks.addAll(ExactChecks.controls(controls)));
    return checks;
  }

  private static Check skipped(Level level, String name) {
    return Check.of(level.label(), name, Status.SKIPPED, NO_TEXT);
  }

  private Verdict verdict(List<Check> checks) {
    if (any(checks, Status.FAIL)) {
      return Verdict.FAIL;
    }
    return any(checks, Status.INCONCLUSIVE) || checks.stream().anyMatch(this::isMissed)
        ? Verdict.INCONCLUSIVE
        : Verdict.PASS;
  }

  private boolean isMissed(Check check) {
    return check.status() == Status.SKIPPED
        && insisted.stream().anyMatch(level -> level.label().equals(check.level()));
  }

  private static boolean any(List<Check> checks, Status status) {
    return checks.stream().anyMatch(check -> check.status() == status);
  }

  private String reason(Verdict verdict, List<Check> checks) {
    return switch (verdict) {
      case FAIL -> first(checks, Status.FAIL);
      case INCONCLUSIVE ->
          any(checks, Status.INCONCLUSIVE)
              ? first(checks, Status.INCONCLUSIVE)
              : "what was asked for was not looked at: " + first(checks, Status.SKIPPED);
      case PASS ->
          thresholds.isEmpty()
              ? "everything exact holds; no quality threshold was given, so that nothing is said"
                  + " about quality"
              : "everything exact holds, and quality keeps within every threshold given";
    };
  }

  private static String first(List<Check> checks, Status status) {
    return checks.stream()
        .filter(check -> check.status() == status)
        .findFirst()
        .map(check -> check.level() + ", " + check.name() + ": " + check.reason())
        .orElse("");
  }
}
