package dev.regroup.converters.closedform;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// The shared rotary key's slots, held against the scores that they stand for: query `q` of kv head g
/// meets the keys `k` of all heads at distance Δ as `qᴴ·M_g(Δ)·k`.
final class RopeSlotsTest {
  private static final int HEADS = 2;
  private static final int PAIRS = 3;
  private static final int N = HEADS * PAIRS;
  private static final double[] THETA = {1, 0.2, 0.03};

  private final RandomMatrices random = new RandomMatrices(23);
  private final double[][] mass = {mass(1), mass(2)};
  private final ComplexMatrix keys = random.hermitian(N);
  private final List<ComplexMatrix> metrics =
      List.of(random.hermitian(PAIRS), random.hermitian(PAIRS));

  @Test
  void leavesNothingAtFullCount() {
    RopeSlots slots = slots();
    List<RopeSlots.Slot> filled = slots.fill(N);
    assertThat(filled).hasSize(N);
    assertThat(slots.positionFree().real().frobenius()).isZero();
    assertThat(slots.positionFree().imaginary().frobenius()).isZero();
    assertThat(error(filled, slots.positionFree())).isLessThan(1e-12);
  }

  @Test
  void losesLessWithEverySlot() {
    double last = Double.POSITIVE_INFINITY;
    double all = energy();
    for (int count = 1; count <= N; count++) {
      RopeSlots slots = slots();
      List<RopeSlots.Slot> filled = slots.fill(count);
      assertThat(filled).hasSize(count);
      double error = error(filled, slots.positionFree());
      assertThat(error).as("%d slots", count).isLessThan(last);
      last = error;
    }
    RopeSlots half = slots();
    assertThat(error(half.fill(N / 2), half.positionFree())).isLessThan(0.3 * all);
  }

  @Test
  void givesSlotsFastestFirst() {
    List<Integer> frequencies = slots().fill(4).stream().map(RopeSlots.Slot::frequency).toList();
    assertThat(frequencies).isSorted();
  }

  @Test
  void spendsNoSlotOnWhatHoldsNoEnergy() {
    // the keys' middle pair is zero in both heads, and so is what turns at its frequency
    ComplexMatrix without = silenced(keys);
    var slots = new RopeSlots(without, metrics, kernels());
    List<RopeSlots.Slot> filled = slots.fill(4);
    assertThat(filled).extracting(RopeSlots.Slot::frequency).doesNotContain(1);
    // not zero: a slot also takes what other frequencies look like at its own
    assertThat(weightedError(filled, slots.positionFree(), without)).isLessThan(1e-3 * energy());
  }

  @Test
  void isHarmlessWithoutAnyEnergy() {
    var slots = new RopeSlots(ComplexMatrix.zeros(N, N), metrics, kernels());
    for (RopeSlots.Slot slot : slots.fill(3)) {
      assertThat(slot.key().real().frobenius()).isFinite();
      assertThat(slot.query().real().frobenius()).isFinite();
    }
    assertThat(slots.positionFree().real().frobenius()).isFinite();
  }

  private static ComplexMatrix silenced(ComplexMatrix keys) {
    ComplexMatrix silenced = ComplexMatrix.zeros(N, N);
    for (int i = 0; i < N * N; i++) {
      if (i / N % PAIRS != 1 && i % N % PAIRS != 1) {
        silenced.real().elements()[i] = keys.real().elements()[i];
        silenced.imaginary().elements()[i] = keys.imaginary().elements()[i];
      }
    }
    return silenced;
  }

  private RopeSlots slots() {
    return new RopeSlots(keys, metrics, kernels());
  }

  private List<DistanceKernel> kernels() {
    return Arrays.stream(mass).map(share -> new DistanceKernel(THETA, share)).toList();
  }

  private static double[] mass(long seed) {
    double[] mass = new RandomMatrices(seed).positives(60);
    double total = Arrays.stream(mass).sum();
    return Arrays.stream(mass).map(share -> share / total).toArray();
  }

  private double error(List<RopeSlots.Slot> slots, ComplexMatrix positionFree) {
    return weightedError(slots, positionFree, keys);
  }

  private double energy() {
    return weightedError(List.of(), ComplexMatrix.zeros(N, N), keys);
  }

  /// E over heads and distances of the squared error of scores, in the queries' and keys' moments.
  private double weightedError(
      List<RopeSlots.Slot> slots, ComplexMatrix positionFree, ComplexMatrix moment) {
    double error = 0;
    for (int g = 0; g < HEADS; g++) {
      int head = g;
      for (int distance = 0; distance < mass[g].length; distance++) {
        int at = distance;
        ComplexMatrix left = own(head, at).plus(positionFree.rows(head * PAIRS, PAIRS).scaled(-1));
        for (RopeSlots.Slot slot : slots) {
          left = left.plus(turned(outer(slot, head), -at * THETA[slot.frequency()]).scaled(-1));
        }
        ComplexMatrix energy = left.times(moment).timesAdjoint(left);
        error += mass[g][distance] * metrics.get(g).times(energy).real().trace();
      }
    }
    return error;
  }

  /// What queries of a head see of the keys in the source: each pair its own, turned.
  private static ComplexMatrix own(int head, int distance) {
    ComplexMatrix own = ComplexMatrix.zeros(PAIRS, N);
    IntStream.range(0, PAIRS)
        .forEach(
            l -> {
              own.real().elements()[l * N + head * PAIRS + l] = Math.cos(distance * THETA[l]);
              own.imaginary().elements()[l * N + head * PAIRS + l] = -Math.sin(distance * THETA[l]);
            });
    return own;
  }

  private static ComplexMatrix outer(RopeSlots.Slot slot, int head) {
    ComplexMatrix query =
        new ComplexMatrix(
            slot.query().real().columns(head * PAIRS, PAIRS).transpose(),
            slot.query().imaginary().columns(head * PAIRS, PAIRS).transpose());
    return query.times(slot.key());
  }

  private static ComplexMatrix turned(ComplexMatrix matrix, double angle) {
    ComplexMatrix turn = ComplexMatrix.zeros(matrix.rows(), matrix.rows());
    for (int i = 0; i < matrix.rows(); i++) {
      turn.real().elements()[i * matrix.rows() + i] = Math.cos(angle);
      turn.imaginary().elements()[i * matrix.rows() + i] = Math.sin(angle);
    }
    return turn.times(matrix);
  }
}
