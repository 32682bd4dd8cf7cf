package dev.regroup.converters.fit;

import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.Products;
import dev.regroup.runtime.linalg.SymmetricEigen;
import dev.regroup.runtime.train.TrainingMath.Follow;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Adam in the eigenvectors of the curvature: a block's gradient is turned into the eigenvectors of the
/// second moments of what it reads and of what it gives, where its elements hardly depend on each other;
/// there each is scaled by its own running size, and the step is turned back.
///
/// Adam: Kingma and Ba, arXiv 1412.6980. In a Kronecker eigenbasis: Vyas et al., arXiv 2409.11321
/// (SOAP), which follows the moments of gradients; here they are those of the layer itself, measured
/// once, since what a layer reads does not change while it is fitted.
final class EigenAdam {
  private static final double MEAN_DECAY = 0.9;
  private static final double SQUARE_DECAY = 0.95;

  /// Far below the root of any squared gradient of a relative error that matters.
  private static final float TINY = 1e-12f;

  private final Maps maps;
  private final List<Block> blocks = new ArrayList<>();
  private int steps;

  /// One block of a map with its bases and running moments.
  private static final class Block {
    final Part part;
    final int offset;
    final int rows;
    final int in;
    final float scale;
    final @Nullable FloatBlock left;
    final @Nullable FloatBlock right;
    final float[] mean;
    final float[] square;

    Block(Part part, MapBlocks shape, int index, float scale, Moments moments) {
      this.part = part;
      rows = shape.rows();
      in = shape.in();
      offset = index * rows * in;
      this.scale = scale;
      left = basis(moments.outputs().getOrDefault(part, List.of()), index);
      right = basis(moments.inputs().getOrDefault(part, List.of()), shape.inputOf(index));
      mean = new float[rows * in];
      square = new float[rows * in];
    }
  }

  /// @param maps changed in place by every step
  /// @param moments whose eigenvectors are the basis
  EigenAdam(Maps maps, Extents extents, Moments moments) {
    this.maps = maps;
    for (Part part : maps.values().keySet()) {
      float[] values = maps.get(part);
      MapBlocks shape = MapBlocks.of(part, extents, values.length);
      float scale = scale(values);
      for (int b = 0; values.length > 0 && b < shape.outputUnits(); b++) {
        blocks.add(new Block(part, shape, b, scale, moments));
      }
    }
  }

  /// The root mean square of a map.
  static float scale(float[] values) {
    return (float) Math.sqrt(HostProblem.squares(values) / Math.max(1, values.length));
  }

  /// A basis, a vector a column.
  static FloatBlock vectors(Matrix moment) {
    Matrix vectors = SymmetricEigen.of(moment).vectors();
    return FloatBlock.of(vectors.rows(), vectors.columns(), vectors.toFloats());
  }

  /// How running moments go on at a step, counted from 1.
  static Follow follow(int step) {
    return new Follow(
        (float) (1 - MEAN_DECAY),
        (float) (1 - SQUARE_DECAY),
        (float) (1 / (1 - Math.pow(MEAN_DECAY, step))),
        (float) (1 / (1 - Math.pow(SQUARE_DECAY, step))),
        TINY);
  }

  private static @Nullable FloatBlock basis(List<Matrix> moments, int index) {
    if (moments.isEmpty()) {
      return null;
    }
    return vectors(moments.get(index));
  }

  /// Moves the maps against a gradient.
  ///
  /// @param rate how far an element moves, relative to its map's root mean square
  void step(Maps gradient, double rate) {
    steps++;
    Follow follow = follow(steps);
    Parallel.forEach(
        blocks.size(),
        b -> {
          Block block = blocks.get(b);
          FloatBlock turned = turn(block, of(block, gradient.get(block.part)));
          follow(block, turned.elements(), follow);
          FloatBlock back = turnBack(block, turned);
          float length = (float) rate * block.scale;
          move(block, gradient.get(block.part), back.elements(), length);
        });
  }

  /// Zeros that the error does not depend on stay: a layer can have them for a reason.
  private void move(Block block, float[] gradient, float[] step, float length) {
    float[] values = maps.get(block.part);
    for (int i = 0; i < step.length; i++) {
      int at = block.offset + i;
      if (values[at] != 0 || gradient[at] != 0) {
        values[at] -= length * step[i];
      }
    }
  }

  private static FloatBlock of(Block block, float[] all) {
    return new FloatBlock(all, block.offset, block.rows, block.in, block.in);
  }

  /// Running moments of a turned gradient, and in its place the step that they ask for.
  private static void follow(Block block, float[] turned, Follow follow) {
    for (int i = 0; i < turned.length; i++) {
      float g = turned[i];
      block.mean[i] += follow.meanShare() * (g - block.mean[i]);
      block.square[i] += follow.squareShare() * (g * g - block.square[i]);
      turned[i] =
          follow.meanBias()
              * block.mean[i]
              / ((float) Math.sqrt(follow.squareBias() * block.square[i]) + follow.tiny());
    }
  }

  private static FloatBlock turn(Block block, FloatBlock gradient) {
    FloatBlock half = product(Form.PLAIN, gradient, block.right);
    return block.left == null ? half : product(Form.LEFT_TRANSPOSED, block.left, half);
  }

  private static FloatBlock turnBack(Block block, FloatBlock step) {
    FloatBlock half = block.left == null ? step : product(Form.PLAIN, block.left, step);
    return product(Form.RIGHT_TRANSPOSED, half, block.right);
  }

  /// A product, or a copy of `a` where there is no `b`.
  private static FloatBlock product(Form form, FloatBlock a, @Nullable FloatBlock b) {
    if (b == null) {
      FloatBlock copy = FloatBlock.zeros(a.rows(), a.columns());
      System.arraycopy(a.elements(), a.offset(), copy.elements(), 0, copy.elements().length);
      return copy;
    }
    int rows = form == Form.LEFT_TRANSPOSED ? a.columns() : a.rows();
    FloatBlock product =
        FloatBlock.zeros(rows, form == Form.RIGHT_TRANSPOSED ? b.rows() : b.columns());
    Products.fast().multiply(form, 1, a, b, 0, product);
    return product;
  }
}
