package dev.regroup.runtime.train;

import dev.regroup.runtime.linalg.Form;

/// `C = alpha · op(A) · op(B)`, plus C where it is added to, for every member of a batch.
///
/// @param alpha factor
/// @param add whether C is added to, else overwritten
public record Product(
    Form form,
    float alpha,
    boolean add,
    Triangle triangle,
    Batch batch,
    Sizes sizes,
    Factors factors) {

  /// What is known to be zero, or not wanted, above a diagonal.
  public enum Triangle {
    /// Nothing.
    NONE,
    /// Elements of C above the diagonal: they may be left as they are, or be anything.
    RESULT,
    /// A, before it is transposed, is zero above its diagonal as far as {@link TrainingMath#zeroed}
    /// says, and anything beyond.
    LEFT
  }

  /// Members: `outer · inner`.
  public record Batch(int outer, int inner) {
    /// A single product.
    public static final Batch ONE = new Batch(1, 1);
  }

  /// Of op(A) `[rows, depth]`, op(B) `[depth, columns]` and C `[rows, columns]`.
  public record Sizes(int rows, int columns, int depth) {}

  /// A, B and C.
  public record Factors(Panel a, Panel b, Panel c) {}

  /// A plain one.
  public static Product of(Form form, boolean add, Batch batch, Sizes sizes, Factors factors) {
    return new Product(form, 1, add, Triangle.NONE, batch, sizes, factors);
  }
}
