package dev.regroup.converters.closedform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.SymmetricEigen;
import dev.regroup.runtime.linalg.SymmetricRoot;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/// Reduced-rank regression onto a state that keys and values share.
final class SharedStateTest {
  private static final int FEATURES = 11;
  private static final int KEYS = 4;
  private static final int VALUES = 5;

  /// Of energies in the thousands.
  private static final Offset<Double> ROUNDING = within(1e-5);

  private final RandomMatrices random = new RandomMatrices(17);
  private final Matrix rows = random.normal(KEYS + VALUES, FEATURES);
  private final Matrix features = random.positive(FEATURES);
  private final Matrix keyMetric = random.positive(KEYS);
  private final Matrix valueMetric = random.positive(VALUES);
  private final SharedState.Targets targets =
      new SharedState.Targets(rows, KEYS, keyMetric, valueMetric);

  @Test
  void losesTheTailOfTheEigenvaluesWhereTheWholeStateIsKeyAndValue() {
    double[] energies = energies();
    double last = Double.POSITIVE_INFINITY;
    for (int dim = 1; dim <= KEYS + VALUES; dim++) {
      SharedState state = SharedState.solve(targets, features, dim, dim);
      double tail = 0;
      for (int i = dim; i < energies.length; i++) {
        tail += energies[i];
      }
      assertThat(state.lost()).as("%d of the state", dim).isCloseTo(tail, ROUNDING);
      assertThat(error(state)).isCloseTo(state.lost(), ROUNDING);
      assertThat(state.lost()).isLessThan(last);
      last = state.lost();
    }
  }

  @Test
  void saysWhatItLosesWhereKeysReadAPartOnly() {
    for (int keyDim = 0; keyDim <= 6; keyDim++) {
      SharedState state = SharedState.solve(targets, features, 6, keyDim);
      assertThat(error(state)).as("key of %d", keyDim).isCloseTo(state.lost(), ROUNDING);
      for (int r = 0; r < KEYS; r++) {
        for (int c = keyDim; c < 6; c++) {
          assertThat(state.decode().at(r, c)).isZero();
        }
      }
    }
  }

  @Test
  void findsTheSpaceOfFeaturesThatAreKeysAndValuesAtHalfTheSize() {
    Matrix identity = Matrix.identity(FEATURES);
    var metrics = new SharedState.Metrics(random.positive(FEATURES), random.positive(FEATURES));
    Matrix twice = Matrix.stacked(List.of(identity, identity));
    SharedState whole = SharedState.Space.of(twice, FEATURES, features).solve(metrics, 6, 4);
    SharedState half = SharedState.Space.ofFeatures(features).solve(metrics, 6, 4);
    assertThat(half.lost()).isCloseTo(whole.lost(), ROUNDING);
    Matrix expected = whole.decode().times(whole.encode());
    assertThat(half.decode().times(half.encode()).minus(expected).frobenius()).isLessThan(1e-5);
  }

  @Test
  void givesEverythingBackAtFullRank() {
    SharedState state = SharedState.solve(targets, features, KEYS + VALUES, KEYS + VALUES);
    assertThat(state.decode().times(state.encode()).minus(rows).frobenius()).isLessThan(1e-7);
    assertThat(state.lost()).isCloseTo(0, ROUNDING);
  }

  @Test
  void leavesRoomEmptyThatTheTargetsDoNotFill() {
    SharedState state = SharedState.solve(targets, features, 14, 12);
    assertThat(state.encode().rows()).isEqualTo(14);
    assertThat(state.decode().columns()).isEqualTo(14);
    assertThat(state.decode().times(state.encode()).minus(rows).frobenius()).isLessThan(1e-7);
    assertThat(state.encode().rows(9, 5).frobenius()).isZero();
  }

  @Test
  void makesStatesOfUnitSecondMoment() {
    SharedState state = SharedState.solve(targets, features, 6, 3);
    Matrix moment = state.encode().times(features).timesTranspose(state.encode());
    assertThat(moment.minus(Matrix.identity(6)).frobenius()).isLessThan(1e-6);
  }

  /// Eigenvalues of M^1/2·C·M^1/2 with the block metric M and the targets' moment C, largest first.
  private double[] energies() {
    Matrix metric = Matrix.zeros(KEYS + VALUES, KEYS + VALUES);
    for (int r = 0; r < KEYS + VALUES; r++) {
      for (int c = 0; c < KEYS + VALUES; c++) {
        boolean key = r < KEYS && c < KEYS;
        boolean value = r >= KEYS && c >= KEYS;
        double element = key ? keyMetric.at(r, c) : value ? valueMetric.at(r - KEYS, c - KEYS) : 0;
        metric.elements()[r * (KEYS + VALUES) + c] = element;
      }
    }
    Matrix moment = rows.times(features).timesTranspose(rows);
    Matrix root = SymmetricRoot.of(moment, 0).root();
    return SymmetricEigen.of(root.times(metric).times(root)).values();
  }

  /// The metric's energy of what encoding and decoding leaves out.
  private double error(SharedState state) {
    Matrix left = rows.minus(state.decode().times(state.encode()));
    Matrix moment = left.times(features).timesTranspose(left);
    Matrix keys = moment.rows(0, KEYS).columns(0, KEYS);
    Matrix values = moment.rows(KEYS, VALUES).columns(KEYS, VALUES);
    return keyMetric.times(keys).trace() + valueMetric.times(values).trace();
  }
}
