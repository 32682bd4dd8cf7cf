package dev.regroup.verify;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.text.TokenWindows;
import dev.regroup.verify.compare.AttentionAlone;
import dev.regroup.verify.compare.Comparison;
import dev.regroup.verify.compare.Contender;
import dev.regroup.verify.compare.DecodeLevel;
import dev.regroup.verify.compare.Greedy;
import dev.regroup.verify.compare.LayerDeviation;
import dev.regroup.verify.compare.LockStep;
import dev.regroup.verify.compare.PlantedFault;
import dev.regroup.verify.compare.Subject;
import dev.regroup.verify.compare.TensorLevel;
import dev.regroup.verify.judge.Controls;
import dev.regroup.verify.judge.Fidelity;
import dev.regroup.verify.judge.Findings;
import dev.regroup.verify.report.CacheFindings;
import dev.regroup.verify.report.ControlFindings;
import dev.regroup.verify.report.DecodeFindings;
import dev.regroup.verify.report.LayerFinding;
import dev.regroup.verify.report.Level;
import dev.regroup.verify.report.LogitFindings;
import dev.regroup.verify.report.SpeedFindings;
import dev.regroup.verify.report.TensorFindings;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.IntStream;

/// Runs the levels that are wanted, one after another, and gathers what they found.
record Examination(Subject source, Subject target, TokenWindows windows, VerifyOptions options) {
  /// Windows that controls and decoding use: enough to show a fault, few enough to cost little.
  private static final int FEW = 2;

  /// Tokens each model writes by itself.
  private static final int CONTINUATION = 32;

  /// Bytes of a cached element in reports: caches are kept in BF16.
  private static final int ELEMENT_BYTES = 2;

  /// Sequences decoded at once when speed is measured.
  private static final int[] BATCHES = {1, 64};

  /// Tokens in each cache when speed is measured.
  private static final int SPEED_CONTEXT = 4096;

  private static final int[] RANKS = {1, 2, 4, 8};

  Findings findings(Progress progress) {
    Set<Level> wanted = options.wanted();
    Optional<TensorLevel.Outcome> compared =
        wanted.contains(Level.TENSORS)
            ? Optional.of(TensorLevel.compare(source, target, progress))
            : Optional.empty();
    Optional<TensorFindings> tensors = compared.map(TensorLevel.Outcome::findings);
    Optional<String> tooLarge =
        source.device().readsIntoHeap()
            ? Footprint.tooLarge(source, target, options.memory())
            : Optional.empty();
    if (tooLarge.isPresent()) {
      return attentionAlone(tensors, tooLarge.get(), progress);
    }
    List<LayerFinding> layers = List.of();
    Optional<LogitFindings> logits = Optional.empty();
    Optional<ControlFindings> controls = Optional.empty();
    if (wanted.stream().anyMatch(level -> level != Level.TENSORS && level != Level.DECODE)) {
      PlantedFault fault = PlantedFault.in(target);
      Set<String> identical = compared.map(TensorLevel.Outcome::identical).orElse(Set.of());
      List<Comparison> pairs = compare(fault, identical, progress);
      layers = layers(pairs.getFirst());
      if (wanted.contains(Level.LOGITS) && options.text().isPresent()) {
        logits = Optional.of(Fidelity.of(pairs.getFirst().windows()));
      }
      controls = Optional.of(Controls.of(pairs.getFirst(), pairs.get(1), pairs.getLast(), fault));
    }
    if (!wanted.contains(Level.DECODE)) {
      CacheFindings computed = cache(OptionalDouble.empty(), OptionalDouble.empty());
      return new Findings(
          tensors, layers, logits, Optional.empty(), computed, controls, Optional.empty());
    }
    DecodeLevel.Outcome ofSource = DecodeLevel.run(source, prompts(), progress);
    DecodeLevel.Outcome ofTarget = DecodeLevel.run(target, prompts(), progress);
    CacheFindings cache =
        cache(
            OptionalDouble.of(ofSource.elementsPerToken() * ELEMENT_BYTES),
            OptionalDouble.of(ofTarget.elementsPerToken() * ELEMENT_BYTES));
    return new Findings(
        tensors, layers, logits, Optional.of(decode(ofSource, ofTarget)), cache, controls, speed());
  }

  /// What can be seen of models whose layers do not fit in memory.
  private Findings attentionAlone(
      Optional<TensorFindings> tensors, String reason, Progress progress) {
    Optional<AttentionAlone.Outcome> alone = Optional.empty();
    List<LayerFinding> layers = List.of();
    if (options.wanted().contains(Level.ATTENTION)) {
      int few = Math.min(FEW, windows.windows().size());
      AttentionAlone.Outcome seen =
          AttentionAlone.run(source, target, windows.windows(), few, progress);
      layers = layers(new Comparison(seen.layers(), List.of()));
      alone = Optional.of(seen);
    }
    CacheFindings computed = cache(OptionalDouble.empty(), OptionalDouble.empty());
    return new Findings(
            tensors,
            layers,
            Optional.empty(),
            Optional.empty(),
            computed,
            Optional.empty(),
            Optional.empty())
        .tooLarge(alone, reason);
  }

  /// @param identical tensors of the target, and so of the planted fault, that are the source's
  private List<Comparison> compare(PlantedFault fault, Set<String> identical, Progress progress) {
    int few = Math.min(FEW, windows.windows().size());
    return LockStep.run(
        source,
        List.of(
            new Contender(target, windows.windows().size(), identical),
            new Contender(source, few, identical),
            new Contender(fault.subject(), few, identical)),
        windows.windows(),
        progress);
  }

  private List<LayerFinding> layers(Comparison comparison) {
    var findings = new ArrayList<LayerFinding>();
    for (int i = 0; i < comparison.layers().size(); i++) {
      LayerDeviation layer = comparison.layers().get(i);
      findings.add(
          new LayerFinding(
              i,
              label(source, i),
              label(target, i),
              layer.attention().relative(),
              layer.attention().cosine(),
              layer.streamByWindow().isEmpty() ? Double.NaN : layer.stream().relative(),
              layer.experts() == 0
                  ? OptionalDouble.empty()
                  : OptionalDouble.of((double) layer.sameExperts() / layer.experts())));
    }
    return findings;
  }

  private static String label(Subject subject, int layer) {
    return subject.spec().layers().get(layer).attention().layout().label();
  }

  private List<int[]> prompts() {
    int tokens = Math.min(options.decodeTokens(), windows.windowTokens());
    return windows.windows().stream().limit(FEW).map(w -> Arrays.copyOf(w, tokens)).toList();
  }

  private DecodeFindings decode(DecodeLevel.Outcome ofSource, DecodeLevel.Outcome ofTarget) {
    List<int[]> prompts = prompts();
    double agreement = Double.NaN;
    long needed = Math.max(Greedy.bytes(source.spec()), Greedy.bytes(target.spec()));
    if (needed <= source.device().modelBytes()) {
      agreement =
          Greedy.agreement(
              Greedy.continuations(source, prompts, CONTINUATION),
              Greedy.continuations(target, prompts, CONTINUATION));
    }
    return new DecodeFindings(
        ofSource.side(),
        ofTarget.side(),
        prompts.size(),
        prompts.getFirst().length,
        CONTINUATION,
        agreement);
  }

  /// Tokens a second of both models, where the device runs a whole step and holds both at once.
  private Optional<SpeedFindings> speed() {
    var batches = new ArrayList<SpeedFindings.Batch>();
    for (int sequences : BATCHES) {
      OptionalDouble ofSource = speed(source, sequences);
      OptionalDouble ofTarget = speed(target, sequences);
      if (ofSource.isPresent() && ofTarget.isPresent()) {
        batches.add(
            new SpeedFindings.Batch(sequences, ofSource.getAsDouble(), ofTarget.getAsDouble()));
      }
    }
    return batches.isEmpty()
        ? Optional.empty()
        : Optional.of(new SpeedFindings(speedContext(), batches));
  }

  private int speedContext() {
    return Math.min(SPEED_CONTEXT, source.spec().maxPositions() / 2);
  }

  private OptionalDouble speed(Subject subject, int sequences) {
    return subject
        .device()
        .decodeSpeed(subject.spec(), subject.tensors(), sequences, speedContext());
  }

  private CacheFindings cache(OptionalDouble ofSource, OptionalDouble ofTarget) {
    return new CacheFindings(
        ELEMENT_BYTES,
        new CacheFindings.Side(perRank(source.spec(), 1), ofSource),
        new CacheFindings.Side(perRank(target.spec(), 1), ofTarget),
        IntStream.of(RANKS)
            .mapToObj(
                ranks ->
                    new CacheFindings.Rank(
                        ranks, perRank(source.spec(), ranks), perRank(target.spec(), ranks)))
            .toList());
  }

  private static double perRank(ModelSpec spec, int ranks) {
    return ELEMENT_BYTES
        * (double)
            spec.layers().stream()
                .mapToLong(l -> l.attention().layout().cacheRow().elementsPerRank(ranks))
                .sum();
  }
}
