package dev.regroup.verify;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.manifest.Manifest;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.device.Device;
import dev.regroup.runtime.text.TokenWindows;
import dev.regroup.verify.compare.ManifestCheck;
import dev.regroup.verify.compare.Subject;
import dev.regroup.verify.judge.Findings;
import dev.regroup.verify.judge.Judge;
import dev.regroup.verify.report.ConversionFindings;
import dev.regroup.verify.report.ManifestFindings;
import dev.regroup.verify.report.ModelSummary;
import dev.regroup.verify.report.TextSummary;
import dev.regroup.verify.report.VerificationReport;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Collectors;

/// The front door of this module: says what a target is worth beside its source.
public final class Verifier {
  private Verifier() {}

  /// Verifies one checkpoint against another. Neither is changed.
  ///
  /// @throws CheckpointException where a file is not what it says, or a token of the text is not in
  ///     the vocabulary
  /// @throws UnsupportedModelException where one of them is not known, or they are not the same
  ///     model but for attention
  public static VerificationReport verify(
      Checkpoint source, Checkpoint target, VerifyOptions options, Progress progress) {
    return verify(source, target, options, Device.cpu(), progress);
  }

  /// The same, both models run on a device.
  ///
  /// @param device closed by the caller
  public static VerificationReport verify(
      Checkpoint source,
      Checkpoint target,
      VerifyOptions options,
      Device device,
      Progress progress) {
    return verify(subject(source, device), subject(target, device), options, progress)
        .withConversion(ConversionRecord.of(target));
  }

  /// Holds a target's files against the manifest that was written with them; no source is needed.
  ///
  /// @throws CheckpointException where it has no manifest, or one that cannot be read
  public static ManifestFindings files(Path target, Progress progress) {
    return ManifestCheck.of(target, progress)
        .orElseThrow(
            () ->
                new CheckpointException(
                    "%s: expected %s, found none -> give the model that it was made from, too"
                        .formatted(target, Manifest.FILE)));
  }

  private static Subject subject(Checkpoint checkpoint, Device device) {
    return new Subject(
        checkpoint.path().toString(), Checkpoints.describe(checkpoint), checkpoint, device);
  }

  /// Verifies one model against another, from wherever their tensors come.
  ///
  /// @throws CheckpointException where a token of the text is not in the vocabulary
  /// @throws UnsupportedModelException where they are not the same model but for attention
  public static VerificationReport verify(
      Subject source, Subject target, VerifyOptions options, Progress progress) {
    requireComparable(source, target);
    TokenWindows windows =
        options
            .text()
            .orElseGet(
                () ->
                    RandomWindows.of(source.spec().vocabularySize(), source.spec().maxPositions()));
    requireVocabulary(source, windows);
    Findings found = new Examination(source, target, windows, options).findings(progress);
    var judge =
        new Judge(
            options.wanted(), options.insisted(), options.thresholds(), options.text().isPresent());
    Judge.Ruling ruling = judge.rule(found);
    return new VerificationReport(
        version(),
        ruling.verdict(),
        ruling.reason(),
        summary(source),
        summary(target),
        summary(windows, options.text().isEmpty()),
        options.thresholds(),
        ruling.checks(),
        found.tensors(),
        found.layers(),
        found.logits(),
        found.decode(),
        found.cache(),
        found.controls(),
        found.speed(),
        source.device().summary(),
        ConversionFindings.NONE);
  }

  private static void requireComparable(Subject source, Subject target) {
    ModelSpec one = source.spec();
    ModelSpec other = target.spec();
    requireSame(target, "layers", one.layers().size(), other.layers().size());
    requireSame(target, "hidden size", one.hiddenSize(), other.hiddenSize());
    requireSame(target, "vocabulary", one.vocabularySize(), other.vocabularySize());
  }

  private static void requireVocabulary(Subject source, TokenWindows windows) {
    int vocabulary = source.spec().vocabularySize();
    for (int[] window : windows.windows()) {
      for (int token : window) {
        if (token < 0 || token >= vocabulary) {
          throw new CheckpointException(
              "%s: token %d: expected ids below %s's vocabulary of %d -> use the tokenizer of this model"
                  .formatted(windows.source(), token, source.name(), vocabulary));
        }
      }
    }
  }

  private static void requireSame(Subject target, String what, int expected, int found) {
    if (expected != found) {
      throw new UnsupportedModelException(
          "%s: %s: expected %d as in the source, found %d -> verify a model made from this source"
              .formatted(target.name(), what, expected, found));
    }
  }

  private static ModelSummary summary(Subject subject) {
    ModelSpec spec = subject.spec();
    String layouts =
        spec.layers().stream()
            .map(layer -> layer.attention().layout().label())
            .distinct()
            .collect(Collectors.joining("+"));
    return new ModelSummary(
        subject.name(), spec.architecture(), layouts, spec.layers().size(), spec.cacheElements());
  }

  private static TextSummary summary(TokenWindows windows, boolean random) {
    return new TextSummary(
        windows.source(),
        windows.sha256(),
        windows.windows().size(),
        windows.windowTokens(),
        windows.tokens(),
        random);
  }

  private static String version() {
    return Optional.ofNullable(Verifier.class.getPackage().getImplementationVersion())
        .orElse("development");
  }
}
