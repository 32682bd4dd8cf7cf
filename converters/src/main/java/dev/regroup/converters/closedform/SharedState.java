package dev.regroup.converters.closedform;

import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.SymmetricEigen;
import java.util.List;

/// A state that keys and values of a group of heads share: reduced-rank regression in the metric of
/// first-order output error.
///
/// Targets are `Y = rows · f` for features f (the source's states): first the keys, then the values. The
/// state is `z = encode · f`; keys are decoded from its first `keyDim` elements, values from all of it:
/// `Y ≈ decode · z`. Source: the design notes' sections 3.3 to 3.6.
///
/// @param encode `[stateDim, features]`
/// @param decode `[targets, stateDim]`; zero where keys would read past `keyDim`
/// @param lost the energy, in the metric, that is not kept
record SharedState(Matrix encode, Matrix decode, double lost) {
  private static final double CUTOFF = 1e-10;

  /// What a state must carry.
  ///
  /// @param rows `[keys + values, features]`
  /// @param keys how many of the rows are keys
  /// @param keyMetric `[keys, keys]`, positive
  /// @param valueMetric `[values, values]`, positive
  record Targets(Matrix rows, int keys, Matrix keyMetric, Matrix valueMetric) {}

  /// The metrics of a state's keys and values; see {@link Targets}.
  record Metrics(Matrix keys, Matrix values) {}

  /// The best state of `stateDim` elements of which the first `keyDim` make the key.
  ///
  /// @param features second moment of the features, `[features, features]`
  static SharedState solve(Targets targets, Matrix features, int stateDim, int keyDim) {
    return Space.of(targets.rows, targets.keys, features)
        .solve(new Metrics(targets.keyMetric, targets.valueMetric), stateDim, keyDim);
  }

  /// What targets of one kind vary in, whatever they weigh: found once, and used for every group of heads
  /// with the same targets.
  sealed interface Space permits Directions, Unrelated {
    /// The space of any targets.
    ///
    /// @param keys how many of the rows are keys
    static Space of(Matrix rows, int keys, Matrix features) {
      Matrix moment = rows.times(features).timesTranspose(rows);
      SymmetricEigen eigen = SymmetricEigen.of(moment);
      int rank = rank(eigen.values());
      Matrix coordinates = scaledColumns(eigen, rank, -0.5).transposeTimes(rows);
      return new Directions(keys, scaledColumns(eigen, rank, 0.5), coordinates);
    }

    /// The space of keys and values that are both the features themselves: half the size of the general
    /// problem, since what is found for the one holds for the other.
    static Space ofFeatures(Matrix features) {
      if (features.isDiagonal()) {
        return Unrelated.of(features);
      }
      int n = features.rows();
      SymmetricEigen eigen = SymmetricEigen.of(features);
      int rank = rank(eigen.values());
      Matrix root = scaledColumns(eigen, rank, 0.5);
      return new Directions(
          n, Matrix.stacked(List.of(root, root)), scaledColumns(eigen, rank, -0.5).transpose());
    }

    /// Directions in which the targets vary.
    int directions();

    /// How many of the targets are keys.
    int keys();

    /// The metrics, of coordinates of the space.
    Metrics energies(Metrics metrics);

    /// From a frame's coefficients to the targets, `[targets, frame's columns]`.
    Matrix decode(Matrix frame);

    /// From the features to a frame's coefficients, `[frame's columns, features]`.
    Matrix encode(Matrix frame);

    /// The best state of `stateDim` elements of which the first `keyDim` make the key.
    default SharedState solve(Metrics metrics, int stateDim, int keyDim) {
      Metrics energies = energies(metrics);
      int kept = Math.min(stateDim, directions());
      int keptKeys = Math.min(keyDim, kept);
      Matrix frame = frame(energies.keys, energies.values, keptKeys, kept);
      double total = energies.keys.trace() + energies.values.trace();
      double held =
          energy(frame.columns(0, keptKeys), energies.keys) + energy(frame, energies.values);
      Matrix decode = decode(frame);
      clearKeys(decode, keys(), keptKeys);
      return new SharedState(
          padRows(encode(frame), stateDim),
          padColumns(decode, stateDim),
          Math.max(0, total - held));
    }
  }

  /// Directions that were found.
  ///
  /// @param root of the targets' second moment, its columns those directions in which they vary
  /// @param coordinates of the features in those directions, each of size 1: `[directions, features]`
  private record Directions(int keys, Matrix root, Matrix coordinates) implements Space {
    @Override
    public int directions() {
      return root.columns();
    }

    @Override
    public Metrics energies(Metrics metrics) {
      Matrix keyRoot = root.rows(0, keys);
      Matrix valueRoot = root.rows(keys, root.rows() - keys);
      return new Metrics(
          keyRoot.transposeTimes(metrics.keys).times(keyRoot),
          valueRoot.transposeTimes(metrics.values).times(valueRoot));
    }

    @Override
    public Matrix decode(Matrix frame) {
      return root.times(frame);
    }

    @Override
    public Matrix encode(Matrix frame) {
      return frame.transposeTimes(coordinates);
    }
  }

  /// Keys and values that are both features which have nothing to do with each other, as before a text
  /// is seen: no directions have to be found, and no products with them formed.
  ///
  /// @param directions features that vary
  /// @param sizes of the features, 0 for those that do not vary
  private record Unrelated(int directions, double[] sizes) implements Space {
    static Unrelated of(Matrix features) {
      double largest = 0;
      for (int i = 0; i < features.rows(); i++) {
        largest = Math.max(largest, features.at(i, i));
      }
      double[] sizes = new double[features.rows()];
      int rank = 0;
      for (int i = 0; i < sizes.length; i++) {
        double value = features.at(i, i);
        if (value > CUTOFF * largest && value > KeyMoments.NOTHING) {
          sizes[i] = Math.sqrt(value);
          rank++;
        }
      }
      return new Unrelated(Math.max(1, rank), sizes);
    }

    @Override
    public int keys() {
      return sizes.length;
    }

    @Override
    public Metrics energies(Metrics metrics) {
      return new Metrics(
          metrics.keys.rowsScaled(sizes).columnsScaled(sizes),
          metrics.values.rowsScaled(sizes).columnsScaled(sizes));
    }

    @Override
    public Matrix decode(Matrix frame) {
      Matrix sized = frame.rowsScaled(sizes);
      return Matrix.stacked(List.of(sized, sized));
    }

    @Override
    public Matrix encode(Matrix frame) {
      double[] inverse = new double[sizes.length];
      for (int i = 0; i < sizes.length; i++) {
        inverse[i] = sizes[i] == 0 ? 0 : 1 / sizes[i];
      }
      return frame.transpose().columnsScaled(inverse);
    }
  }

  private static double energy(Matrix frame, Matrix energy) {
    return frame.dot(energy.times(frame));
  }

  /// The same state with elements at its end that hold and decode nothing.
  SharedState padded(int stateDim) {
    return stateDim == encode.rows()
        ? this
        : new SharedState(padRows(encode, stateDim), padColumns(decode, stateDim), lost);
  }

  private static Matrix frame(Matrix keyEnergy, Matrix valueEnergy, int keyDim, int stateDim) {
    if (keyDim == stateDim) {
      return SymmetricEigen.of(keyEnergy.plus(valueEnergy)).vectors().columns(0, stateDim);
    }
    if (keyDim == 0) {
      return SymmetricEigen.of(valueEnergy).vectors().columns(0, stateDim);
    }
    return TwoBlock.solve(keyEnergy, valueEnergy, keyDim, stateDim);
  }

  private static int rank(double[] values) {
    int rank = 1;
    while (rank < values.length && values[rank] > CUTOFF * values[0]) {
      rank++;
    }
    return rank;
  }

  /// The leading eigenvectors as columns, each times its eigenvalue to a power.
  private static Matrix scaledColumns(SymmetricEigen eigen, int count, double exponent) {
    int n = eigen.values().length;
    Matrix scaled = Matrix.zeros(n, count);
    for (int c = 0; c < count; c++) {
      double value = eigen.values()[c];
      double weight = value > KeyMoments.NOTHING ? Math.pow(value, exponent) : 0;
      for (int r = 0; r < n; r++) {
        scaled.elements()[r * count + c] = weight * eigen.vectors().at(r, c);
      }
    }
    return scaled;
  }

  private static void clearKeys(Matrix decode, int keys, int keyDim) {
    for (int r = 0; r < keys; r++) {
      for (int c = keyDim; c < decode.columns(); c++) {
        decode.elements()[r * decode.columns() + c] = 0;
      }
    }
  }

  private static Matrix padRows(Matrix matrix, int rows) {
    Matrix padded = Matrix.zeros(rows, matrix.columns());
    System.arraycopy(matrix.elements(), 0, padded.elements(), 0, matrix.elements().length);
    return padded;
  }

  private static Matrix padColumns(Matrix matrix, int columns) {
    Matrix padded = Matrix.zeros(matrix.rows(), columns);
    for (int r = 0; r < matrix.rows(); r++) {
      System.arraycopy(
          matrix.elements(),
          r * matrix.columns(),
          padded.elements(),
          r * columns,
          matrix.columns());
    }
    return padded;
  }
}
