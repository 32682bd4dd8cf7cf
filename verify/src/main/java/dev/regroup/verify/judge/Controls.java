package dev.regroup.verify.judge;

import dev.regroup.verify.compare.Comparison;
import dev.regroup.verify.compare.LayerDeviation;
import dev.regroup.verify.compare.PlantedFault;
import dev.regroup.verify.measure.Averages;
import dev.regroup.verify.measure.Averages.Filter;
import dev.regroup.verify.measure.ClusteredMean;
import dev.regroup.verify.measure.Percentiles;
import dev.regroup.verify.measure.WindowScores;
import dev.regroup.verify.report.ControlFindings;
import java.util.List;

/// Whether the instrument works: it must see nothing where nothing is, and something where
/// something was planted.
public final class Controls {
  private Controls() {}

  /// What the controls saw.
  ///
  /// @param target the comparison of the target as it is
  /// @param twin the source compared with itself
  /// @param faulty the comparison of the target with `fault` planted, on the first windows of
  ///     `target`
  public static ControlFindings of(
      Comparison target, Comparison twin, Comparison faulty, PlantedFault fault) {
    int windows = faulty.windows().size();
    return new ControlFindings(windows, identity(twin), planted(target, faulty, fault));
  }

  private static ControlFindings.Identity identity(Comparison twin) {
    double layerError = 0;
    for (LayerDeviation layer : twin.layers()) {
      layerError = Math.max(layerError, layer.attention().relative());
      layerError = Math.max(layerError, layer.stream().relative());
    }
    List<WindowScores> windows = twin.windows();
    return new ControlFindings.Identity(
        Percentiles.of(Averages.all(windows, WindowScores::kl)).max(),
        Math.exp(mean(windows, WindowScores::logRatio)),
        mean(windows, WindowScores::sameTop),
        layerError);
  }

  private static ControlFindings.PlantedFault planted(
      Comparison target, Comparison faulty, PlantedFault fault) {
    List<WindowScores> with = faulty.windows();
    List<WindowScores> without = target.windows().subList(0, with.size());
    return new ControlFindings.PlantedFault(
        fault.layer(),
        fault.head(),
        mean(without, WindowScores::kl),
        mean(with, WindowScores::kl),
        meanChange(without, with),
        layerError(target, fault.layer(), with.size()),
        layerError(faulty, fault.layer(), with.size()),
        othersUnchanged(target, faulty, fault.layer()));
  }

  private static boolean othersUnchanged(Comparison target, Comparison faulty, int layer) {
    int windows = faulty.windows().size();
    for (int i = 0; i < target.layers().size(); i++) {
      double without = layerError(target, i, windows);
      if (i != layer && Double.compare(without, layerError(faulty, i, windows)) != 0) {
        return false;
      }
    }
    return true;
  }

  private static double layerError(Comparison comparison, int layer, int windows) {
    return comparison.layers().get(layer).attention(windows).relative();
  }

  private static double mean(List<WindowScores> windows, Averages.Value value) {
    return Averages.mean(windows, value, Filter.ALL).mean();
  }

  private static double meanChange(List<WindowScores> without, List<WindowScores> with) {
    double[] sums = new double[with.size()];
    long[] counts = new long[with.size()];
    for (int w = 0; w < sums.length; w++) {
      counts[w] = with.get(w).positions();
      for (int t = 0; t < counts[w]; t++) {
        sums[w] += Math.abs(with.get(w).targetNll(t) - without.get(w).targetNll(t));
      }
    }
    return ClusteredMean.of(sums, counts).mean();
  }
}
