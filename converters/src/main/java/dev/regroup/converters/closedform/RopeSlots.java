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
/// replaced by the best constant, the mean rotation rho. Source: the design notes' section 3.2, level 2.
final class RopeSlots {
  private static final double METRIC_FLOOR = 1e-6;

  private final int heads;
  private final int pairs;
  private final List<DistanceKernel> kernels;
  private final List<ComplexMatrix> metricRoots = new ArrayList<>();
  private final List<ComplexMatrix> metricInverseRoots = new ArrayList<>();
  private final ComplexMatrix keys;

  /// residuals.get(a): what each query coordinate sees at frequency a, `[G·d/2, G·d/2]`.
  private final List<ComplexMatrix> residuals = new ArrayList<>();

  private final List<Slot> slots = new ArrayList<>();

  /// A slot of the rotary key.
  ///
  /// @param frequency index of the source's frequency
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
    for (int a = 0; a < pairs; a++) {
      ComplexMatrix residual = ComplexMatrix.zeros(keys.rows(), keys.rows());
      for (int g = 0; g < heads; g++) {
        int i = g * pairs + a;
        residual.real().elements()[i * keys.rows() + i] = 1;
      }
      residuals.add(residual);
    }
  }

  /// Fills `count` slots, the costliest component first, at whatever frequency it lies; a frequency may
  /// serve several slots. They come fastest first.
  List<Slot> fill(int count) {
    if (count >= keys.rows()) {
      return everything();
    }
    for (int i = 0; i < count; i++) {
      Candidate[] candidates = new Candidate[pairs];
      Parallel.forEach(pairs, frequency -> candidates[frequency] = candidate(frequency));
      Candidate best = candidates[0];
      for (Candidate candidate : candidates) {
        if (candidate.top.value() > best.top.value()) {
          best = candidate;
        }
      }
      take(best);
    }
    slots.sort(Comparator.comparingInt(Slot::frequency));
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
    for (int a = 0; a < pairs; a++) {
      residuals.set(a, ComplexMatrix.zeros(n, n));
    }
    return List.copyOf(slots);
  }

  /// Weighted residual at one frequency, and its leading component.
  private record Candidate(int frequency, ComplexMatrix weighted, TopComponent top) {}

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
    int n = keys.rows();
    DistanceKernel kernel = kernels.get(head);
    double own = kernel.own(frequency);
    ComplexMatrix sum = ComplexMatrix.zeros(pairs, n);
    double[] sumReal = sum.real().elements();
    double[] sumImaginary = sum.imaginary().elements();
    for (int b = 0; b < pairs; b++) {
      double re = kernel.real(frequency, b) / own;
      double im = kernel.imaginary(frequency, b) / own;
      double[] real = residuals.get(b).real().elements();
      double[] imaginary = residuals.get(b).imaginary().elements();
      int from = head * pairs * n;
      for (int i = 0; i < pairs * n; i++) {
        sumReal[i] += re * real[from + i] - im * imaginary[from + i];
        sumImaginary[i] += re * imaginary[from + i] + im * real[from + i];
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
          columns(vector, g).times(metricInverseRoots.get(g).conjugate()).scaled(1 / root);
      System.arraycopy(part.real().elements(), 0, query.real().elements(), g * pairs, pairs);
      System.arraycopy(
          part.imaginary().elements(), 0, query.imaginary().elements(), g * pairs, pairs);
    }
    subtract(residuals.get(best.frequency), query, key);
    slots.add(new Slot(best.frequency, key, query));
  }

  private ComplexMatrix columns(ComplexMatrix row, int head) {
    return new ComplexMatrix(
        row.real().columns(head * pairs, pairs), row.imaginary().columns(head * pairs, pairs));
  }

  /// residual -= queryᵀ · key, an outer product.
  private static void subtract(ComplexMatrix residual, ComplexMatrix query, ComplexMatrix key) {
    int n = key.columns();
    double[] real = residual.real().elements();
    double[] imaginary = residual.imaginary().elements();
    for (int i = 0; i < n; i++) {
      double re = query.real().elements()[i];
      double im = query.imaginary().elements()[i];
      for (int j = 0; j < n; j++) {
        double keyReal = key.real().elements()[j];
        double keyImaginary = key.imaginary().elements()[j];
        real[i * n + j] -= re * keyReal - im * keyImaginary;
        imaginary[i * n + j] -= re * keyImaginary + im * keyReal;
      }
    }
  }

  /// The logit error, weighted by the metrics, of what varies with the distance and is in no slot.
  ///
  /// With the residuals r_a of a coordinate, `E|Σ_a r_a (f_a − rho_a)|² = Σ_ab K_ba E[r_a conj(r_b)]`;
  /// a logit is the real part, which has half of it.
  double lost() {
    ComplexMatrix root = KeyMoments.power(keys, 0.5, 0);
    double lost = 0;
    for (int g = 0; g < heads; g++) {
      List<ComplexMatrix> weighted = new ArrayList<>();
      for (ComplexMatrix residual : residuals) {
        weighted.add(metricRoots.get(g).times(residual.rows(g * pairs, pairs)).times(root));
      }
      for (int a = 0; a < pairs; a++) {
        for (int b = 0; b < pairs; b++) {
          lost += kernels.get(g).real(b, a) * innerReal(weighted.get(a), weighted.get(b)) / 2;
          lost -=
              kernels.get(g).imaginary(b, a) * innerImaginary(weighted.get(a), weighted.get(b)) / 2;
        }
      }
    }
    return Math.max(0, lost);
  }

  private static double innerReal(ComplexMatrix a, ComplexMatrix b) {
    return dot(a.real(), b.real()) + dot(a.imaginary(), b.imaginary());
  }

  private static double innerImaginary(ComplexMatrix a, ComplexMatrix b) {
    return dot(a.imaginary(), b.real()) - dot(a.real(), b.imaginary());
  }

  private static double dot(Matrix a, Matrix b) {
    double sum = 0;
    for (int i = 0; i < a.elements().length; i++) {
      sum += a.elements()[i] * b.elements()[i];
    }
    return sum;
  }

  /// What is left of the keys without positions: Σ_a residual_a · rho_a, `[G·d/2, G·d/2]`.
  ComplexMatrix positionFree() {
    int n = keys.rows();
    ComplexMatrix sum = ComplexMatrix.zeros(n, n);
    for (int a = 0; a < pairs; a++) {
      double[] real = residuals.get(a).real().elements();
      double[] imaginary = residuals.get(a).imaginary().elements();
      for (int i = 0; i < n * n; i++) {
        DistanceKernel kernel = kernels.get(i / n / pairs);
        double re = kernel.rhoReal(a);
        double im = kernel.rhoImaginary(a);
        sum.real().elements()[i] += re * real[i] - im * imaginary[i];
        sum.imaginary().elements()[i] += re * imaginary[i] + im * real[i];
      }
    }
    return sum;
  }
}
