package dev.regroup.runtime.linalg;

/// The symmetric square root of a positive semidefinite matrix and the inverse of that root.
///
/// Eigenvalues at or below `cutoff` times the largest (rounding, and directions that no data
/// showed) count as zero in both: `inverse · A · inverse` is the projection onto what is left.
///
/// @param root `A^(1/2)`
/// @param inverse `A^(-1/2)` on the space that is left, zero beside it
/// @param rank dimensions left
public record SymmetricRoot(Matrix root, Matrix inverse, int rank) {
  /// The roots of a symmetric matrix; only its lower triangle is read.
  ///
  /// @param cutoff relative to the largest eigenvalue, such as 1e-10
  public static SymmetricRoot of(Matrix matrix, double cutoff) {
    SymmetricEigen eigen = SymmetricEigen.of(matrix);
    int n = matrix.rows();
    double least = n == 0 ? 0 : Math.max(0, cutoff * eigen.values()[0]);
    int rank = 0;
    while (rank < n && eigen.values()[rank] > least) {
      rank++;
    }
    double[] roots = new double[rank];
    double[] inverses = new double[rank];
    for (int k = 0; k < rank; k++) {
      roots[k] = Math.sqrt(eigen.values()[k]);
      inverses[k] = 1 / roots[k];
    }
    Matrix kept = eigen.leading(rank);
    return new SymmetricRoot(
        kept.columnsScaled(roots).timesTranspose(kept).symmetrised(),
        kept.columnsScaled(inverses).timesTranspose(kept).symmetrised(),
        rank);
  }
}
