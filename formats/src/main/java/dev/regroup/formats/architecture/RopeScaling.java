package dev.regroup.formats.architecture;

import dev.regroup.formats.attention.Rope;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleUnaryOperator;

/// How a model stretches its rotation beyond the context it was first trained on.
///
/// Sources: transformers 5.18, `modeling_rope_utils.py`; YaRN: arXiv:2309.00071. Frequencies are
/// taken in float64 (transformers: float32), so the two differ by one part in 10^7.
sealed interface RopeScaling {
  /// Radians per token of each pair, scaled.
  ///
  /// @param dim rotated elements of a head
  /// @param theta the base
  List<Double> inverseFrequencies(int dim, double theta);

  /// What cosine and sine are multiplied by.
  default double attentionFactor() {
    return 1;
  }

  /// No scaling.
  record None() implements RopeScaling {
    @Override
    public List<Double> inverseFrequencies(int dim, double theta) {
      return Rope.standardFrequencies(dim, theta);
    }
  }

  /// Positions divided by `factor`.
  record Linear(double factor) implements RopeScaling {
    @Override
    public List<Double> inverseFrequencies(int dim, double theta) {
      return mapped(dim, theta, frequency -> frequency / factor);
    }
  }

  /// Llama 3.1: wavelengths above `originalPositions / lowFrequency` are stretched by `factor`,
  /// those below `originalPositions / highFrequency` are kept, those between are blended.
  record Llama3(double factor, double lowFrequency, double highFrequency, double originalPositions)
      implements RopeScaling {
    @Override
    public List<Double> inverseFrequencies(int dim, double theta) {
      return mapped(dim, theta, this::scaled);
    }

    private double scaled(double frequency) {
      double turns = originalPositions * frequency / (2 * Math.PI);
      if (turns < lowFrequency) {
        return frequency / factor;
      }
      if (turns > highFrequency) {
        return frequency;
      }
      double kept = (turns - lowFrequency) / (highFrequency - lowFrequency);
      return (1 - kept) * frequency / factor + kept * frequency;
    }
  }

  /// YaRN: pairs that turn more than `betaFast` times within the original context are kept, those
  /// that turn less than `betaSlow` times are stretched by `factor`, with a linear ramp between.
  ///
  /// @param truncate whether the ramp's ends are rounded outwards to whole pairs
  record Yarn(
      double factor,
      double originalPositions,
      double betaFast,
      double betaSlow,
      boolean truncate,
      double attentionFactor)
      implements RopeScaling {
    /// 0.1 · mscale · ln(scale) + 1: how much sharper attention has to be at `scale` times the
    /// context.
    static double mscale(double scale, double mscale) {
      return scale <= 1 ? 1 : 0.1 * mscale * Math.log(scale) + 1;
    }

    @Override
    public List<Double> inverseFrequencies(int dim, double theta) {
      double low = pairTurning(betaFast, dim, theta);
      double high = pairTurning(betaSlow, dim, theta);
      if (truncate) {
        low = Math.floor(low);
        high = Math.ceil(high);
      }
      low = Math.max(low, 0);
      high = Math.min(high, dim - 1);
      double width = low == high ? 0.001 : high - low;
      List<Double> standard = Rope.standardFrequencies(dim, theta);
      var scaled = new ArrayList<Double>();
      for (int l = 0; l < standard.size(); l++) {
        double stretched = Math.clamp((l - low) / width, 0, 1);
        double frequency = standard.get(l);
        scaled.add(frequency / factor * stretched + frequency * (1 - stretched));
      }
      return scaled;
    }

    /// The (fractional) pair that turns `turns` times within the original context.
    private double pairTurning(double turns, int dim, double theta) {
      return dim * Math.log(originalPositions / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
    }
  }

  private static List<Double> mapped(int dim, double theta, DoubleUnaryOperator scale) {
    return Rope.standardFrequencies(dim, theta).stream().map(scale::applyAsDouble).toList();
  }
}
