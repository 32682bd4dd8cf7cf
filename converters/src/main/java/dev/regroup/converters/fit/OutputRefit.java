package dev.regroup.converters.fit;

import dev.regroup.converters.calibrate.OrderedSum;
import dev.regroup.runtime.linalg.Cholesky;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.Products;
import java.util.Arrays;
import java.util.function.IntFunction;

/// The output projection that fits the targets best, given the heads' outputs: ridge regression towards
/// the projection at hand. Source: the design notes' section 5, H3.
final class OutputRefit {
  private static final double RIDGE = 1e-4;

  private OutputRefit() {}

  /// One window's heads `[tokens, H·d_v]` and targets `[tokens, D]`.
  record Window(FloatBlock heads, FloatBlock targets) {}

  /// The new projection `[D, H·d_v]`.
  ///
  /// @param output the projection at hand, `[D, H·d_v]`
  static float[] solve(int windows, IntFunction<Window> window, float[] output, int hiddenSize) {
    return solve(sums(windows, window), output, hiddenSize);
  }

  /// What {@link #solve(double[], float[], int)} takes.
  static double[] sums(int windows, IntFunction<Window> window) {
    return OrderedSum.of(
        windows,
        w -> {
          Window one = window.apply(w);
          return joined(product(one.heads, one.heads), product(one.heads, one.targets));
        });
  }

  /// The new projection, from `headsᵀ · heads` followed by `headsᵀ · targets`.
  static float[] solve(double[] sums, float[] output, int hiddenSize) {
    int width = output.length / hiddenSize;
    Matrix normal = new Matrix(width, width, Arrays.copyOf(sums, width * width));
    Matrix right =
        new Matrix(width, hiddenSize, Arrays.copyOfRange(sums, width * width, sums.length));
    double ridge = RIDGE * normal.trace() / width + Double.MIN_NORMAL;
    Matrix prior = Matrix.of(hiddenSize, width, output).transpose();
    Matrix solved =
        Cholesky.of(normal.plus(Matrix.identity(width).scaled(ridge)))
            .solve(right.plus(prior.scaled(ridge)));
    return solved.transpose().toFloats();
  }

  private static FloatBlock product(FloatBlock a, FloatBlock b) {
    FloatBlock product = FloatBlock.zeros(a.columns(), b.columns());
    Products.fast().multiply(Form.LEFT_TRANSPOSED, 1, a, b, 0, product);
    return product;
  }

  private static double[] joined(FloatBlock first, FloatBlock second) {
    double[] joined = new double[first.elements().length + second.elements().length];
    for (int i = 0; i < first.elements().length; i++) {
      joined[i] = first.elements()[i];
    }
    for (int i = 0; i < second.elements().length; i++) {
      joined[first.elements().length + i] = second.elements()[i];
    }
    return joined;
  }
}
