package dev.regroup.converters.fit;

import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.Products;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/// Second moments about each map: of what its blocks read, and of what random outputs of the layer pull
/// back to on what they give. Their Kronecker products approximate the curvature of the error.
///
/// @param inputs for each part one matrix an input unit, `[in, in]`; empty for gains, which do not mix,
///     and where the map is wider than {@link #MAX_WIDTH}
/// @param outputs for each part one matrix a block, `[rows, rows]`; empty for gains, for the output map,
///     whose outputs all count alike, and where blocks are taller than {@link #MAX_WIDTH}
record Moments(Map<Part, List<Matrix>> inputs, Map<Part, List<Matrix>> outputs) {
  /// Beyond this the moments' eigenvectors cost more than they bring.
  static final int MAX_WIDTH = 2048;

  /// One window's share, all matrices one after the other.
  static double[] share(AttentionPass pass, Adjoint adjoint, Maps shapes) {
    var all = new Sequence();
    for (Part part : shapes.values().keySet()) {
      MapBlocks blocks = MapBlocks.of(part, pass.extents(), shapes.get(part).length);
      for (int u = 0; u < inputMatrices(part, blocks); u++) {
        all.add(read(pass, part).columns(u * blocks.in(), blocks.in()));
      }
      for (int u = 0; u < outputMatrices(part, blocks); u++) {
        all.add(adjoint.outputs(part).columns(u * blocks.rows(), blocks.rows()));
      }
    }
    return all.elements;
  }

  private static FloatBlock read(AttentionPass pass, Part part) {
    return switch (part) {
      case QUERY -> pass.inputs().query();
      case STATE -> pass.inputs().state();
      case ROPE_KEY -> pass.inputs().rope();
      case KEY_UP, VALUE_UP -> pass.states();
      case OUTPUT -> pass.heads();
      case NORM_GAIN -> throw new IllegalArgumentException("gains have axes of their own");
    };
  }

  static int inputMatrices(Part part, MapBlocks blocks) {
    return part == Part.NORM_GAIN || blocks.in() > MAX_WIDTH ? 0 : blocks.inputUnits();
  }

  static int outputMatrices(Part part, MapBlocks blocks) {
    boolean ownAxes = part == Part.OUTPUT || part == Part.NORM_GAIN;
    return ownAxes || blocks.rows() > MAX_WIDTH ? 0 : blocks.outputUnits();
  }

  /// The moments that shares add up to.
  static Moments of(double[] sums, Extents extents, Maps shapes) {
    Map<Part, List<Matrix>> inputs = new EnumMap<>(Part.class);
    Map<Part, List<Matrix>> outputs = new EnumMap<>(Part.class);
    int at = 0;
    for (Part part : shapes.values().keySet()) {
      MapBlocks blocks = MapBlocks.of(part, extents, shapes.get(part).length);
      int read = inputMatrices(part, blocks);
      inputs.put(part, matrices(sums, at, read, blocks.in()));
      at += read * blocks.in() * blocks.in();
      int given = outputMatrices(part, blocks);
      outputs.put(part, matrices(sums, at, given, blocks.rows()));
      at += given * blocks.rows() * blocks.rows();
    }
    return new Moments(inputs, outputs);
  }

  private static List<Matrix> matrices(double[] sums, int at, int count, int n) {
    List<Matrix> matrices = new ArrayList<>();
    for (int u = 0; u < count; u++) {
      int first = at + u * n * n;
      matrices.add(new Matrix(n, n, Arrays.copyOfRange(sums, first, first + n * n)));
    }
    return matrices;
  }

  private static final class Sequence {
    private double[] elements = new double[0];

    void add(FloatBlock rows) {
      int n = rows.columns();
      FloatBlock moment = FloatBlock.zeros(n, n);
      Products.fast().multiply(Form.LEFT_TRANSPOSED, 1, rows, rows, 0, moment);
      int at = elements.length;
      elements = Arrays.copyOf(elements, at + n * n);
      for (int i = 0; i < n * n; i++) {
        elements[at + i] = moment.elements()[i];
      }
    }
  }
}
