package dev.regroup.converters.calibrate;

import java.util.Arrays;

/// How far back attention looks where nothing better is known: mass falls off as one over the distance.
final class DistancePrior {
  /// The share of the prior in measured distances. Measured mass alone trusts that what a key holds has
  /// nothing to do with how far away it is; half of each gives the lower perplexity (`docs/adr/0006`).
  private static final double SHARE = 0.5;

  private DistancePrior() {}

  /// Attention mass at distances `[0, count)`, summing to 1.
  static double[] mass(int count) {
    double[] mass = new double[count];
    for (int distance = 0; distance < count; distance++) {
      mass[distance] = 1.0 / (1 + distance);
    }
    return normalised(mass);
  }

  /// Measured mass, normalised and drawn towards the prior.
  static double[] drawn(double[] measured) {
    double[] drawn = normalised(measured);
    double[] prior = mass(measured.length);
    for (int distance = 0; distance < drawn.length; distance++) {
      drawn[distance] = (1 - SHARE) * drawn[distance] + SHARE * prior[distance];
    }
    return drawn;
  }

  private static double[] normalised(double[] mass) {
    double total = Arrays.stream(mass).sum();
    return Arrays.stream(mass).map(share -> share / total).toArray();
  }
}
