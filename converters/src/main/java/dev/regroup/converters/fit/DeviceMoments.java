package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.Panel;
import dev.regroup.runtime.train.Product;
import dev.regroup.runtime.train.Product.Batch;
import dev.regroup.runtime.train.Product.Factors;
import dev.regroup.runtime.train.Product.Sizes;
import dev.regroup.runtime.train.TrainingMath;
import java.util.Set;

/// Sums for {@link Moments}, taken on a device.
final class DeviceMoments implements AutoCloseable {
  private final TrainingMath math;
  private final Maps shapes;
  private final LayerShape shape;
  private final double[] sums;
  private final Memory room;

  DeviceMoments(TrainingMath math, FactoredAttention layer, Set<Part> parts, LayerShape shape) {
    this.math = math;
    this.shape = shape;
    shapes = Maps.of(layer, parts);
    long length = 0;
    long longest = 0;
    for (Part part : shapes.values().keySet()) {
      MapBlocks blocks = blocks(part);
      long read = (long) Moments.inputMatrices(part, blocks) * blocks.in() * blocks.in();
      long given = (long) Moments.outputMatrices(part, blocks) * blocks.rows() * blocks.rows();
      length += read + given;
      longest = Math.max(longest, Math.max(read, given));
    }
    sums = new double[Math.toIntExact(length)];
    room = math.allocate(longest);
  }

  private MapBlocks blocks(Part part) {
    return MapBlocks.of(part, shape.extents(), shapes.get(part).length);
  }

  /// Adds the moments of the first windows of a pass and of what was pulled back through it.
  void add(DevicePass pass, DeviceAdjoint adjoint, DeviceInputs inputs, int windows) {
    int rows = windows * shape.tokens();
    int at = 0;
    for (Part part : shapes.values().keySet()) {
      MapBlocks blocks = blocks(part);
      int units = Moments.inputMatrices(part, blocks);
      Memory read =
          switch (part) {
            case QUERY -> inputs.query();
            case STATE -> inputs.state();
            case ROPE_KEY -> inputs.rope();
            case KEY_UP, VALUE_UP -> pass.states();
            case OUTPUT -> pass.heads();
            case NORM_GAIN -> pass.latents(); // of which no matrices are asked for
          };
      at = add(at, read, units, blocks.in(), rows);
      units = Moments.outputMatrices(part, blocks);
      at = add(at, adjoint.outputs(part), units, blocks.rows(), rows);
    }
  }

  private int add(int at, Memory x, int units, int width, int rows) {
    if (units == 0 || width == 0) {
      return at;
    }
    Panel slices = Panel.each(x, units * width, width);
    math.multiply(
        Product.of(
            Form.LEFT_TRANSPOSED,
            false,
            new Batch(1, units),
            new Sizes(width, width, rows),
            new Factors(slices, slices, Panel.each(room, width, (long) width * width))));
    float[] share = new float[units * width * width];
    room.download(share, 0);
    DeviceProblem.add(sums, at, share);
    return at + share.length;
  }

  Moments moments() {
    return Moments.of(sums, shape.extents(), shapes);
  }

  @Override
  public void close() {
    room.close();
  }
}
