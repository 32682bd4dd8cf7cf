package dev.regroup.converters.refine;

import dev.regroup.runtime.linalg.Cholesky;
import dev.regroup.runtime.linalg.DoubleBlock;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.Products;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// An approximation of the Gauss-Newton matrix, block by block: for the map of one head or state the
/// Kronecker product of the second moments of its outputs' sensitivities and of its inputs.
///
/// Its inverse preconditions the conjugate gradients; a small multiple of it damps them.
final class KroneckerMetric {
  private static final double INPUT_RIDGE = 1e-3;
  private static final double OUTPUT_RIDGE = 1e-2;

  private final Maps shapes;
  private final Map<Part, List<Unit>> units = new EnumMap<>(Part.class);

  /// One block: `left ⊗ right` over a map `[rows, in]`; no left where it is the identity.
  private record Unit(int rows, @Nullable Factor left, Factor right) {}

  /// A factor and its inverse.
  private record Factor(Matrix itself, Matrix inverse) {
    static Factor of(double[] moment, int n, double ridge) {
      double[] raised = moment.clone();
      double mean = 0;
      for (int i = 0; i < n; i++) {
        mean += moment[i * n + i] / n;
      }
      for (int i = 0; i < n; i++) {
        raised[i * n + i] += ridge * mean + Double.MIN_NORMAL;
      }
      Matrix itself = new Matrix(n, n, raised);
      return new Factor(itself, Cholesky.of(itself).solve(Matrix.identity(n)));
    }
  }

  /// @param inputs summed second moments of each part's inputs; see {@link #inputMoments}
  /// @param outputs mean second moments of each part's pulled-back outputs; see {@link #outputMoments}
  KroneckerMetric(Maps shapes, Extents extents, double[] inputs, double[] outputs) {
    this.shapes = shapes;
    int input = 0;
    int output = 0;
    for (Part part : shapes.values().keySet()) {
      Layout layout = Layout.of(part, extents, shapes);
      Factor[] rights = new Factor[layout.inputUnits()];
      for (int u = 0; u < rights.length; u++) {
        int size = layout.in() * layout.in();
        rights[u] =
            Factor.of(Arrays.copyOfRange(inputs, input, input + size), layout.in(), INPUT_RIDGE);
        input += size;
      }
      Unit[] blocks = new Unit[layout.outputUnits()];
      for (int u = 0; u < blocks.length; u++) {
        Factor left = null;
        if (part != Part.OUTPUT) {
          int size = layout.rows() * layout.rows();
          left =
              Factor.of(
                  Arrays.copyOfRange(outputs, output, output + size), layout.rows(), OUTPUT_RIDGE);
          output += size;
        }
        blocks[u] = new Unit(layout.rows(), left, rights[u * rights.length / blocks.length]);
      }
      units.put(part, List.of(blocks));
    }
  }

  /// How a part falls into blocks.
  ///
  /// @param outputUnits heads or states with a block of their own
  /// @param rows of a block
  /// @param inputUnits distinct inputs: the states for up-projections, else one
  /// @param in columns of a block
  private record Layout(int outputUnits, int rows, int inputUnits, int in) {
    static Layout of(Part part, Extents extents, Maps shapes) {
      int length = shapes.get(part).length;
      int outputUnits =
          switch (part) {
            case QUERY, KEY_UP, VALUE_UP -> extents.heads();
            case STATE -> extents.states();
            case ROPE_KEY, OUTPUT -> 1;
          };
      int rows =
          switch (part) {
            case QUERY -> extents.queryDim();
            case STATE -> extents.stateDim();
            case ROPE_KEY -> extents.ropeDim();
            case KEY_UP -> extents.keyDim();
            case VALUE_UP -> extents.valueDim();
            case OUTPUT -> length / (extents.heads() * extents.valueDim());
          };
      int inputUnits =
          switch (part) {
            case KEY_UP, VALUE_UP -> extents.states();
            case QUERY, STATE, ROPE_KEY, OUTPUT -> 1;
          };
      return new Layout(outputUnits, rows, inputUnits, length / (outputUnits * rows));
    }
  }

  /// One window's second moments of the inputs of every part.
  static double[] inputMoments(AttentionPass pass, Maps shapes) {
    Moments moments = new Moments();
    for (Part part : shapes.values().keySet()) {
      Layout layout = Layout.of(part, pass.extents(), shapes);
      FloatBlock inputs =
          switch (part) {
            case QUERY -> pass.inputs().query();
            case STATE -> pass.inputs().state();
            case ROPE_KEY -> pass.inputs().rope();
            case KEY_UP, VALUE_UP -> pass.states();
            case OUTPUT -> pass.heads();
          };
      for (int u = 0; u < layout.inputUnits(); u++) {
        moments.add(inputs.columns(u * layout.in(), layout.in()));
      }
    }
    return moments.toArray();
  }

  /// One window's second moments, a token, of what a random output pulls back to.
  static double[] outputMoments(Adjoint adjoint, Extents extents, Maps shapes, int tokens) {
    Moments moments = new Moments();
    for (Part part : shapes.values().keySet()) {
      if (part == Part.OUTPUT) {
        continue;
      }
      Layout layout = Layout.of(part, extents, shapes);
      for (int u = 0; u < layout.outputUnits(); u++) {
        moments.add(adjoint.outputs(part).columns(u * layout.rows(), layout.rows()));
      }
    }
    double[] sums = moments.toArray();
    for (int i = 0; i < sums.length; i++) {
      sums[i] /= tokens;
    }
    return sums;
  }

  /// Second moments, one after the other.
  private static final class Moments {
    private double[] all = new double[0];

    void add(FloatBlock rows) {
      int n = rows.columns();
      FloatBlock moment = FloatBlock.zeros(n, n);
      Products.fast().multiply(Form.LEFT_TRANSPOSED, 1, rows, rows, 0, moment);
      int at = all.length;
      all = Arrays.copyOf(all, at + n * n);
      for (int i = 0; i < n * n; i++) {
        all[at + i] = moment.elements()[i];
      }
    }

    double[] toArray() {
      return all;
    }
  }

  /// The metric times a vector.
  double[] times(double[] flat) {
    return apply(flat, false);
  }

  /// The inverse metric times a vector.
  double[] solve(double[] flat) {
    return apply(flat, true);
  }

  private double[] apply(double[] flat, boolean inverse) {
    double[] result = new double[flat.length];
    for (Map.Entry<Part, List<Unit>> entry : units.entrySet()) {
      int at = shapes.offset(entry.getKey());
      for (Unit unit : entry.getValue()) {
        Matrix right = inverse ? unit.right.inverse() : unit.right.itself();
        int in = right.rows();
        DoubleBlock block = new DoubleBlock(flat, at, unit.rows, in, in);
        DoubleBlock out = new DoubleBlock(result, at, unit.rows, in, in);
        Factor left = unit.left;
        if (left == null) {
          Products.fast().multiply(Form.PLAIN, 1, block, DoubleBlock.of(right), 0, out);
        } else {
          Matrix weighted = Matrix.zeros(unit.rows, in);
          Products.fast()
              .multiply(Form.PLAIN, 1, block, DoubleBlock.of(right), 0, DoubleBlock.of(weighted));
          Matrix factor = inverse ? left.inverse() : left.itself();
          Products.fast()
              .multiply(Form.PLAIN, 1, DoubleBlock.of(factor), DoubleBlock.of(weighted), 0, out);
        }
        at += unit.rows * in;
      }
    }
    return result;
  }
}
