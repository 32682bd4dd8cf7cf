package dev.regroup.converters.fit;

import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.Panel;
import dev.regroup.runtime.train.Product;
import dev.regroup.runtime.train.Product.Batch;
import dev.regroup.runtime.train.Product.Factors;
import dev.regroup.runtime.train.Product.Sizes;
import dev.regroup.runtime.train.TrainingMath;
import dev.regroup.runtime.train.TrainingMath.Follow;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// {@link EigenAdam} on a device: all blocks of a map at once.
final class DeviceAdam implements AutoCloseable {
  private final TrainingMath math;
  private final List<Turned> all = new ArrayList<>();
  private int steps;

  /// A map with its blocks' bases and running moments.
  ///
  /// @param left `[blocks, rows, rows]`; none where there is no basis
  /// @param right `[inputs, in, in]`; none where there is no basis
  /// @param first room for a gradient; `second` alike
  private record Turned(
      Part part,
      MapBlocks blocks,
      float scale,
      @Nullable Memory left,
      @Nullable Memory right,
      Memory mean,
      Memory square,
      Memory first,
      Memory second) {
    int length() {
      return Math.toIntExact(mean.length());
    }

    Panel panel(Memory memory) {
      return Panel.each(memory, blocks.in(), (long) blocks.rows() * blocks.in());
    }

    Panel left(Memory basis) {
      return Panel.each(basis, blocks.rows(), (long) blocks.rows() * blocks.rows());
    }

    Panel right(Memory basis) {
      int share = blocks.outputUnits() / blocks.inputUnits();
      return new Panel(basis, 0, blocks.in(), 0, (long) blocks.in() * blocks.in(), share);
    }
  }

  /// @param maps where training starts
  DeviceAdam(TrainingMath math, Maps maps, Extents extents, Moments moments) {
    this.math = math;
    for (Part part : maps.values().keySet()) {
      float[] values = maps.get(part);
      if (values.length > 0) {
        MapBlocks blocks = MapBlocks.of(part, extents, values.length);
        all.add(
            new Turned(
                part,
                blocks,
                EigenAdam.scale(values),
                basis(moments.outputs().getOrDefault(part, List.of())),
                basis(moments.inputs().getOrDefault(part, List.of())),
                zeros(values.length),
                zeros(values.length),
                math.allocate(values.length),
                math.allocate(values.length)));
      }
    }
  }

  private Memory zeros(int length) {
    return uploaded(new float[length]);
  }

  private Memory uploaded(float[] values) {
    Memory memory = math.allocate(values.length);
    memory.upload(values, 0);
    return memory;
  }

  private @Nullable Memory basis(List<Matrix> moments) {
    if (moments.isEmpty()) {
      return null;
    }
    int each = moments.getFirst().rows() * moments.getFirst().columns();
    float[] vectors = new float[moments.size() * each];
    for (int i = 0; i < moments.size(); i++) {
      System.arraycopy(EigenAdam.vectors(moments.get(i)).elements(), 0, vectors, i * each, each);
    }
    return uploaded(vectors);
  }

  /// Moves the maps against a gradient; as {@link EigenAdam#step}.
  void step(DeviceMaps maps, DeviceMaps gradient, double rate) {
    steps++;
    Follow follow = EigenAdam.follow(steps);
    for (Turned turned : all) {
      Memory from = gradient.get(turned.part);
      Memory at = from;
      at = right(turned, Form.PLAIN, at, other(turned, at));
      at = left(turned, Form.LEFT_TRANSPOSED, at, other(turned, at));
      if (at.equals(from)) { // which tells below what must stay 0
        math.gather(from, turned.first, new int[] {0}, turned.length());
        at = turned.first;
      }
      math.follow(at, turned.mean, turned.square, follow);
      at = left(turned, Form.PLAIN, at, other(turned, at));
      at = right(turned, Form.RIGHT_TRANSPOSED, at, other(turned, at));
      math.move(maps.get(turned.part), from, at, (float) rate * turned.scale);
    }
  }

  private static Memory other(Turned turned, Memory memory) {
    return memory.equals(turned.first) ? turned.second : turned.first;
  }

  /// `to = form(from, basis)`, or `from` where there is no basis.
  private Memory right(Turned turned, Form form, Memory from, Memory to) {
    Memory basis = turned.right;
    if (basis == null) {
      return from;
    }
    MapBlocks blocks = turned.blocks;
    var sizes = new Sizes(blocks.rows(), blocks.in(), blocks.in());
    multiply(form, turned, sizes, turned.panel(from), turned.right(basis), turned.panel(to));
    return to;
  }

  private Memory left(Turned turned, Form form, Memory from, Memory to) {
    Memory basis = turned.left;
    if (basis == null) {
      return from;
    }
    MapBlocks blocks = turned.blocks;
    var sizes = new Sizes(blocks.rows(), blocks.in(), blocks.rows());
    multiply(form, turned, sizes, turned.left(basis), turned.panel(from), turned.panel(to));
    return to;
  }

  private void multiply(Form form, Turned turned, Sizes sizes, Panel a, Panel b, Panel c) {
    var batch = new Batch(1, turned.blocks.outputUnits());
    math.multiplyFinely(Product.of(form, false, batch, sizes, new Factors(a, b, c)));
  }

  @Override
  public void close() {
    for (Turned turned : all) {
      for (@Nullable Memory memory :
          new @Nullable Memory[] {
            turned.left, turned.right, turned.mean, turned.square, turned.first, turned.second
          }) {
        if (memory != null) {
          memory.close();
        }
      }
    }
  }
}
