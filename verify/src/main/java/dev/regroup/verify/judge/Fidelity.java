package dev.regroup.verify.judge;

import dev.regroup.verify.measure.Averages;
import dev.regroup.verify.measure.Averages.Filter;
import dev.regroup.verify.measure.Averages.Value;
import dev.regroup.verify.measure.ClusteredMean;
import dev.regroup.verify.measure.Estimate;
import dev.regroup.verify.measure.Histogram;
import dev.regroup.verify.measure.Percentiles;
import dev.regroup.verify.measure.WindowScores;
import dev.regroup.verify.report.Bucket;
import dev.regroup.verify.report.LogitFindings;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;

/// Summarises the scores of tokens: how far what the target says is from what the source says.
public final class Fidelity {
  private static final double[] PERCENTS = {1, 5, 10, 50, 90, 95, 99, 99.9, 100};

  /// Edges of the first position bucket; each further one is as wide as all before it.
  private static final int FIRST_POSITIONS = 128;

  /// The mean KL is mostly made where the source itself is undecided; these show how much.
  private static final double[] CONFIDENCES = {0, 0.25, 0.5, 0.75, 0.95, Double.POSITIVE_INFINITY};

  private final List<WindowScores> windows;

  private Fidelity(List<WindowScores> windows) {
    this.windows = windows;
  }

  /// The findings of some windows.
  public static LogitFindings of(List<WindowScores> windows) {
    return new Fidelity(windows).findings();
  }

  private LogitFindings findings() {
    double[] kl = Averages.all(windows, WindowScores::kl);
    return new LogitFindings(
        Estimate.ofExponential(mean(WindowScores::sourceNll)),
        Estimate.ofExponential(mean(WindowScores::targetNll)),
        Estimate.ofExponential(mean(WindowScores::logRatio)),
        Estimate.ofMean(mean(WindowScores::kl)),
        percentiles(kl),
        Estimate.ofShare(mean(WindowScores::sameTop)),
        Estimate.ofMean(mean(WindowScores::sharedTop)),
        byPosition(),
        byConfidence(),
        Histogram.of(kl),
        notFinite());
  }

  private ClusteredMean mean(Value value) {
    return Averages.mean(windows, value, Filter.ALL);
  }

  private static SequencedMap<Double, Double> percentiles(double[] kl) {
    Percentiles percentiles = Percentiles.of(kl);
    var byPercent = new LinkedHashMap<Double, Double>();
    for (double percent : PERCENTS) {
      byPercent.put(percent, percentiles.at(percent));
    }
    return byPercent;
  }

  private List<Bucket> byPosition() {
    var buckets = new ArrayList<Bucket>();
    int longest = windows.stream().mapToInt(WindowScores::positions).max().orElse(0);
    int first = 0;
    for (int end = FIRST_POSITIONS; first < longest; end *= 2) {
      int from = first;
      int to = end;
      buckets.add(bucket(from + "-" + (to - 1), (_, t) -> from <= t && t < to));
      first = end;
    }
    return buckets;
  }

  private List<Bucket> byConfidence() {
    var buckets = new ArrayList<Bucket>();
    for (int i = 0; i + 1 < CONFIDENCES.length; i++) {
      double low = CONFIDENCES[i];
      double high = CONFIDENCES[i + 1];
      String label = String.format(Locale.ROOT, "%.2f-%.2f", low, Math.min(1, high));
      Filter filter = (window, t) -> low <= window.confidence(t) && window.confidence(t) < high;
      buckets.add(bucket(label, filter));
    }
    buckets.removeIf(bucket -> bucket.tokens() == 0);
    return buckets;
  }

  private Bucket bucket(String label, Filter filter) {
    ClusteredMean kl = Averages.mean(windows, WindowScores::kl, filter);
    return new Bucket(
        label,
        kl.count(),
        Math.exp(Averages.mean(windows, WindowScores::sourceNll, filter).mean()),
        Math.exp(Averages.mean(windows, WindowScores::targetNll, filter).mean()),
        Estimate.ofMean(kl),
        Averages.mean(windows, WindowScores::sameTop, filter).mean());
  }

  private List<String> notFinite() {
    var places = new ArrayList<String>();
    for (int w = 0; w < windows.size(); w++) {
      addPlace(places, "source", w, windows.get(w).sourceNotFinite());
      addPlace(places, "target", w, windows.get(w).targetNotFinite());
    }
    return places;
  }

  private static void addPlace(List<String> places, String model, int window, int position) {
    if (position >= 0) {
      places.add("%s: window %d, position %d".formatted(model, window, position));
    }
  }
}
