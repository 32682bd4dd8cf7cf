package dev.regroup.converters.closedform;

import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.linalg.Matrix;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// Fills the shared rotary key: which combination of all heads' keys turns at each kept frequency, and
/// what of the keys is left for position-free states.
///
/// Each query coordinate (kv head g, pair l) sees, at every frequency a, a residual: a linear map of the
/// keys. At the start it is its own key at its own frequency. A slot at frequency a takes the component
/// that costs most, in the metric of first-order logit error, out of the residuals at a; what remains is
/// replaced by the best constant, the mean rotation rho. So residuals are what they were at the start
/// less an outer product for each slot, and are never written out. Source: the design notes' section
/// 3.2, level 2.
///
/// The first `d/2` frequencies of a kernel are the source's; a table of frequencies that slots have to
/// turn at, whether the source has them or not, may follow.
final class RopeSlots {
  private static final double METRIC_FLOOR = 1e-6;

  private final int heads;
  private final int pairs;
  private final List<DistanceKernel> kernels;
  private final List<ComplexMatrix> metricRoots = new ArrayList<>();
  private final List<ComplexMatrix> metricInverseRoots = new ArrayList<>();
  private final ComplexMatrix keys;
  private final List<Slot> slots = new ArrayList<>();

  /// A slot of the rotary key.
  ///
  /// @param frequency index of the kernel's frequency
  /// @param key combination of all heads' key pairs, `[1, G·d/2]`
  /// @param query what each query coordinate multiplies the slot with, `[1, G·d/2]`; a query takes its
  ///     conjugate
  record Slot(int frequency, ComplexMatrix key, ComplexMatrix query) {}

  /// @param keys E[k kᴴ], `[G·d/2, G·d/2]`
  /// @param metrics of each kv head: E[q qᴴ] of its query heads weighted by their sensitivities
  /// @param kernels of each kv head
  RopeSlots(ComplexMatrix keys, List<ComplexMatrix> metrics, List<DistanceKernel> kernels) {
    this.keys = keys;
    this.kernels = kernels;
    heads = kernels.size();
    pairs = keys.rows() / heads;
    for (ComplexMatrix metric : metrics) {
      metricRoots.add(KeyMoments.power(metric, 0.5, METRIC_FLOOR));
      metricInverseRoots.add(KeyMoments.power(metric, -0.5, METRIC_FLOOR));
    }
  }

  /// Fills `count` slots, the costliest component first, at whatever frequency of the source it lies; a
  /// frequency may serve several slots. They come fastest first.
  List<Slot> fill(int count) {
    if (count >= keys.rows()) {
      return everything();
    }
    List<Integer> all = new ArrayList<>();
    for (int a = 0; a < pairs; a++) {
      all.add(a);
    }
    for (int i = 0; i < count; i++) {
      take(costliest(all));
    }
    return sorted();
  }

  /// Fills one slot at each frequency of the table that follows the source's own, the costliest
  /// component first. They come in the order of the table.
  ///
  /// @param count frequencies in the table
  List<Slot> fillTable(int count) {
    List<Integer> open = new ArrayList<>();
    for (int a = pairs; a < pairs + count; a++) {
      open.add(a);
    }
    while (!open.isEmpty()) {
      Candidate best = costliest(open);
      open.removeIf(frequency -> frequency == best.frequency);
      take(best);
    }
    return sorted();
  }

  /// One slot for each pair of the only kv head: a table that holds all of the source's frequencies
  /// loses nothing.
  ///
  /// @param places where in the table each of the source's frequencies is
  /// @param count frequencies in the table
  List<Slot> copyInto(int[] places, int count) {
    for (int s = 0; s < count; s++) {
      ComplexMatrix unit = ComplexMatrix.zeros(1, pairs);
      for (int l = 0; l < pairs; l++) {
        unit.real().elements()[l] = places[l] == s ? 1 : 0;
      }
      slots.add(new Slot(pairs + s, unit, unit));
    }
    return List.copyOf(slots);
  }

  /// A slot for every pair of every head: nothing is left over, and nothing is lost.
  private List<Slot> everything() {
    int n = keys.rows();
    for (int a = 0; a < pairs; a++) {
      for (int g = 0; g < heads; g++) {
        ComplexMatrix unit = ComplexMatrix.zeros(1, n);
        unit.real().elements()[g * pairs + a] = 1;
        slots.add(new Slot(a, unit, unit));
      }
    }
    return List.copyOf(slots);
  }

  private List<Slot> sorted() {
    slots.sort(Comparator.comparingInt(Slot::frequency));
    return List.copyOf(slots);
  }

  /// Weighted residual at one frequency, and its leading component.
  private record Candidate(int frequency, ComplexMatrix weighted, TopComponent top) {}

  private Candidate costliest(List<Integer> frequencies) {
    Candidate[] candidates = new Candidate[frequencies.size()];
    Parallel.forEach(candidates.length, i -> candidates[i] = candidate(frequencies.get(i)));
    Candidate best = candidates[0];
    for (Candidate candidate : candidates) {
      if (candidate.top.value() > best.top.value()) {
        best = candidate;
      }
    }
    return best;
  }

  private Candidate candidate(int frequency) {
    int n = keys.rows();
    ComplexMatrix weighted = ComplexMatrix.zeros(n, n);
    for (int g = 0; g < heads; g++) {
      ComplexMatrix seen = projected(g, frequency);
      double root = Math.sqrt(kernels.get(g).own(frequency));
      weighted.setRows(g * pairs, metricRoots.get(g).times(seen).scaled(root));
    }
    return new Candidate(frequency, weighted, TopComponent.of(weighted, keys));
  }

  /// Σ_b residual_b · K_ab / K_aa over the rows of one kv head.
  private ComplexMatrix projected(int head, int frequency) {
    DistanceKernel kernel = kernels.get(head);
    double own = kernel.own(frequency);
    double[] real = new double[kernel.frequencies()];
    double[] imaginary = new double[real.length];
    for (int b = 0; b < real.length; b++) {
      real[b] = kernel.real(frequency, b) / own;
      imaginary[b] = kernel.imaginary(frequency, b) / own;
    }
    return residual(head, real, imaginary);
  }

  /// Σ_b residual_b · c_b over the rows of one kv head, `[d/2, G·d/2]`.
  private ComplexMatrix residual(int head, double[] real, double[] imaginary) {
    int n = keys.rows();
    ComplexMatrix sum = ComplexMatrix.zeros(pairs, n);
    double[] sumReal = sum.real().elements();
    double[] sumImaginary = sum.imaginary().elements();
    for (int l = 0; l < pairs; l++) {
      sumReal[l * n + head * pairs + l] = real[l];
      sumImaginary[l * n + head * pairs + l] = imaginary[l];
    }
    for (Slot slot : slots) {
      double c = real[slot.frequency];
      double d = imaginary[slot.frequency];
      double[] keyReal = slot.key.real().elements();
      double[] keyImaginary = slot.key.imaginary().elements();
      for (int l = 0; l < pairs; l++) {
        double a = slot.query.real().elements()[head * pairs + l];
        double b = slot.query.imaginary().elements()[head * pairs + l];
        double re = c * a - d * b;
        double im = c * b + d * a;
        for (int j = 0; j < n; j++) {
          sumReal[l * n + j] -= re * keyReal[j] - im * keyImaginary[j];
          sumImaginary[l * n + j] -= re * keyImaginary[j] + im * keyReal[j];
        }
      }
    }
    return sum;
  }

  private void take(Candidate best) {
    ComplexMatrix vector = best.top.vector();
    ComplexMatrix key = vector.conjugate().times(best.weighted);
    ComplexMatrix query = ComplexMatrix.zeros(1, keys.rows());
    for (int g = 0; g < heads; g++) {
      double root = Math.sqrt(kernels.get(g).own(best.frequency));
      // metricInverseRoot · v as a row: v · metricInverseRootᵀ = v · conj(metricInverseRoot)
      ComplexMatrix part =
          vector
              .columns(g * pairs, pairs)
              .times(metricInverseRoots.get(g).conjugate())
              .scaled(1 / root);
      System.arraycopy(part.real().elements(), 0, query.real().elements(), g * pairs, pairs);
      System.arraycopy(
          part.imaginary().elements(), 0, query.imaginary().elements(), g * pairs, pairs);
    }
    slots.add(new Slot(best.frequency, key, query));
  }

  /// The logit error, weighted by the metrics, of what varies with the distance and is in no slot.
  ///
  /// With the residuals r_a of a coordinate, `E|Σ_a r_a (f_a − rho_a)|² = Σ_ab K_ba E[r_a conj(r_b)]`;
  /// a logit is the real part, which has half of it.
  double lost() {
    double lost = 0;
    for (int g = 0; g < heads; g++) {
      ComplexMatrix left = leftFactors(g).times(metricRoots.get(g).conjugate());
      ComplexMatrix right = rightFactors(g);
      ComplexMatrix queries = left.timesAdjoint(left);
      ComplexMatrix seen = right.times(keys).timesAdjoint(right);
      int terms = left.rows();
      for (int a = 0; a < terms; a++) {
        for (int b = 0; b < terms; b++) {
          double re =
              queries.real().at(a, b) * seen.real().at(a, b)
                  - queries.imaginary().at(a, b) * seen.imaginary().at(a, b);
          double im =
              queries.real().at(a, b) * seen.imaginary().at(a, b)
                  + queries.imaginary().at(a, b) * seen.real().at(a, b);
          DistanceKernel kernel = kernels.get(g);
          lost += kernel.real(frequency(b), frequency(a)) * re / 2;
          lost -= kernel.imaginary(frequency(b), frequency(a)) * im / 2;
        }
      }
    }
    return Math.max(0, lost);
  }

  /// The frequency of a term of the residuals: first each pair at its own, then the slots.
  private int frequency(int term) {
    return term < pairs ? term : slots.get(term - pairs).frequency;
  }

  /// What queries of a head multiply the terms with, one row a term, `[d/2 + slots, d/2]`.
  private ComplexMatrix leftFactors(int head) {
    ComplexMatrix factors = ComplexMatrix.zeros(pairs + slots.size(), pairs);
    factors.setRows(0, new ComplexMatrix(Matrix.identity(pairs), Matrix.zeros(pairs, pairs)));
    for (int s = 0; s < slots.size(); s++) {
      factors.setRows(pairs + s, slots.get(s).query.columns(head * pairs, pairs).scaled(-1));
    }
    return factors;
  }

  /// What each term sees of the keys, one row a term, `[d/2 + slots, G·d/2]`.
  private ComplexMatrix rightFactors(int head) {
    ComplexMatrix factors = ComplexMatrix.zeros(pairs + slots.size(), keys.rows());
    for (int l = 0; l < pairs; l++) {
      factors.real().elements()[l * keys.rows() + head * pairs + l] = 1;
    }
    for (int s = 0; s < slots.size(); s++) {
      factors.setRows(pairs + s, slots.get(s).key);
    }
    return factors;
  }

  /// What is left of the keys without positions: Σ_a residual_a · rho_a, `[G·d/2, G·d/2]`.
  ComplexMatrix positionFree() {
    ComplexMatrix sum = ComplexMatrix.zeros(keys.rows(), keys.rows());
    for (int g = 0; g < heads; g++) {
      DistanceKernel kernel = kernels.get(g);
      double[] real = new double[kernel.frequencies()];
      double[] imaginary = new double[real.length];
      for (int a = 0; a < real.length; a++) {
        real[a] = kernel.rhoReal(a);
        imaginary[a] = kernel.rhoImaginary(a);
      }
      sum.setRows(g * pairs, residual(g, real, imaginary));
    }
    return sum;
  }
}
