package dev.regroup.runtime.cuda;

import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.train.Panel;
import dev.regroup.runtime.train.Product;
import dev.regroup.runtime.train.Product.Batch;
import dev.regroup.runtime.train.Product.Factors;
import dev.regroup.runtime.train.Product.Sizes;
import dev.regroup.runtime.train.Product.Triangle;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/// One call of BLAS: `count` times `result = op(first) · op(second)` of column-major matrices.
///
/// @param transposeFirst whether `first` is `[depth, rows]` in memory, else `[rows, depth]`; `second` is
///     `[columns, depth]` where it is transposed, else `[depth, columns]`
record ColumnMajor(
    boolean transposeFirst,
    boolean transposeSecond,
    int rows,
    int columns,
    int depth,
    int count,
    Operand first,
    Operand second,
    Operand result) {

  /// Matrices in memory, in elements.
  ///
  /// @param at where the first begins
  /// @param leading from one column to the next
  /// @param step from one matrix to the next
  record Operand(long at, int leading, long step) {}

  /// The calls that a product comes to, none of which touches what another one writes. Row-major C is
  /// column-major Cᵀ = op(B)ᵀ · op(A)ᵀ: the factors change places. A batch of two levels is one call
  /// where its matrices are equally far apart, else a call an outer member, or more where neighbours
  /// share a matrix.
  ///
  /// @param block rows of C, or columns, that a triangular product is made of; beyond the diagonal it
  ///     reads and writes up to the next multiple of it
  static List<ColumnMajor> of(Product product, int block) {
    List<ColumnMajor> calls = new ArrayList<>();
    for (Product part : blocks(product, block)) {
      members(part, calls);
    }
    return calls;
  }

  private static List<Product> blocks(Product product, int block) {
    if (product.triangle() == Triangle.NONE) {
      return List.of(product);
    }
    List<Product> parts = new ArrayList<>();
    for (int first = 0; first < product.sizes().rows(); first += block) {
      parts.add(block(product, first, Math.min(block, product.sizes().rows() - first)));
    }
    return parts;
  }

  /// Rows `first` to `first + rows` of a triangular product.
  private static Product block(Product product, int first, int rows) {
    Sizes sizes = product.sizes();
    Panel a = product.factors().a();
    Panel b = product.factors().b();
    Panel c = row(product.factors().c(), first);
    boolean turned = product.form() == Form.LEFT_TRANSPOSED;
    a = turned ? a.from(first) : row(a, first);
    int columns = sizes.columns();
    int depth = sizes.depth();
    if (product.triangle() == Triangle.RESULT) {
      columns = Math.min(columns, first + rows);
    } else if (turned) {
      a = row(a, first);
      b = row(b, first);
      depth = Math.max(0, depth - first);
    } else {
      depth = Math.min(depth, first + rows);
    }
    return new Product(
        product.form(),
        product.alpha(),
        product.add(),
        Triangle.NONE,
        product.batch(),
        new Sizes(rows, columns, depth),
        new Factors(a, b, c));
  }

  private static Panel row(Panel panel, int row) {
    return new Panel(
        panel.memory(),
        panel.offset() + (long) row * panel.stride(),
        panel.stride(),
        panel.outer(),
        panel.inner(),
        panel.share());
  }

  private static void members(Product product, List<ColumnMajor> calls) {
    Batch batch = product.batch();
    if (united(product)) {
      calls.add(call(product, 0, 0, batch.outer() * batch.inner()));
      return;
    }
    int[] ends = ends(product);
    for (int outer = 0; outer < batch.outer(); outer++) {
      int first = 0;
      for (int end : ends) {
        calls.add(call(product, outer, first, end - first));
        first = end;
      }
    }
  }

  /// Whether all members of both levels are equally far apart.
  private static boolean united(Product product) {
    Factors factors = product.factors();
    return ends(product).length == 1
        && united(factors.a(), product.batch())
        && united(factors.b(), product.batch())
        && united(factors.c(), product.batch());
  }

  private static boolean united(Panel panel, Batch batch) {
    return batch.outer() == 1
        || batch.inner() == 1
        || panel.outer() == batch.inner() * step(panel, batch);
  }

  /// Where runs of inner members end in which every panel's matrices are equally far apart.
  private static int[] ends(Product product) {
    int inner = product.batch().inner();
    Factors factors = product.factors();
    return IntStream.rangeClosed(1, inner)
        .filter(
            end ->
                end == inner
                    || turns(factors.a(), end)
                    || turns(factors.b(), end)
                    || turns(factors.c(), end))
        .toArray();
  }

  private static boolean turns(Panel panel, int member) {
    return panel.share() > 1 && panel.inner() != 0 && member % panel.share() == 0;
  }

  private static long step(Panel panel, Batch batch) {
    if (batch.inner() == 1) {
      return panel.outer();
    }
    return panel.share() > 1 ? 0 : panel.inner();
  }

  private static ColumnMajor call(Product product, int outer, int inner, int count) {
    Sizes sizes = product.sizes();
    Factors factors = product.factors();
    var first = operand(factors.b(), product.batch(), outer, inner);
    var second = operand(factors.a(), product.batch(), outer, inner);
    var result = operand(factors.c(), product.batch(), outer, inner);
    boolean joined =
        count > 1
            && product.form() != Form.LEFT_TRANSPOSED
            && first.step == 0
            && second.step == (long) sizes.rows() * second.leading
            && result.step == (long) sizes.rows() * result.leading;
    return new ColumnMajor(
        product.form() == Form.RIGHT_TRANSPOSED,
        product.form() == Form.LEFT_TRANSPOSED,
        sizes.columns(),
        joined ? Math.multiplyExact(sizes.rows(), count) : sizes.rows(),
        sizes.depth(),
        joined ? 1 : count,
        first,
        second,
        result);
  }

  private static Operand operand(Panel panel, Batch batch, int outer, int inner) {
    return new Operand(panel.at(outer, inner), panel.stride(), step(panel, batch));
  }
}
