package dev.regroup.converters.fit;

import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.TrainingMath;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Inputs and targets of some windows, one after the other, on a device. Windows that were there stay
/// where they fit, and are gathered from then on.
final class DeviceInputs implements AutoCloseable {
  private final TrainingMath math;
  private final Windows windows;
  private final List<Kind> kinds = new ArrayList<>();
  private final int[] kindOf = new int[3];
  private final Map<Integer, Integer> places = new HashMap<>();
  private final Map<Integer, Double> sizes = new HashMap<>();
  private final int kept;

  /// Inputs of one sort, or targets.
  ///
  /// @param each elements of a window
  /// @param all kept windows
  /// @param batch the windows at hand
  private record Kind(int each, Memory all, Memory batch) {}

  /// @param shape of the layer
  /// @param example inputs of some window: which of a layer's inputs are the same is so for all windows
  /// @param capacity windows at hand at once
  /// @param kept windows to have room for
  DeviceInputs(TrainingMath math, Windows windows, LayerShape shape, Inputs example, Rooms room) {
    this.math = math;
    this.windows = windows;
    kept = room.kept();
    List<FloatBlock> distinct = new ArrayList<>();
    List<FloatBlock> blocks = blocks(example);
    for (int i = 0; i < blocks.size(); i++) {
      kindOf[i] = distinct.indexOf(blocks.get(i));
      if (kindOf[i] < 0) {
        kindOf[i] = distinct.size();
        distinct.add(blocks.get(i));
      }
    }
    distinct.forEach(block -> add(shape.tokens() * block.columns(), room));
    add(shape.tokens() * shape.hidden(), room);
  }

  /// Room for windows.
  ///
  /// @param capacity at hand at once
  /// @param kept on the device
  record Rooms(int capacity, int kept) {}

  private void add(int each, Rooms room) {
    kinds.add(
        new Kind(
            each,
            math.allocate((long) room.kept() * each),
            math.allocate((long) room.capacity() * each)));
  }

  /// Elements that a window takes at most.
  static long elements(LayerShape shape) {
    long row = (long) shape.query() + shape.state() + shape.rope() + shape.hidden();
    return row * shape.tokens();
  }

  private static List<FloatBlock> blocks(Inputs inputs) {
    return List.of(inputs.query(), inputs.state(), inputs.rope());
  }

  /// Brings windows to hand.
  void bring(int[] some) {
    int[] from = new int[some.length];
    for (int i = 0; i < some.length; i++) {
      Integer place = places.get(some[i]);
      if (place == null && places.size() < kept) {
        place = places.size();
        places.put(some[i], place);
        upload(some[i], place, true);
      }
      from[i] = place == null ? -1 : place;
    }
    for (Kind kind : kinds) {
      math.gather(kind.all, kind.batch, from, kind.each);
    }
    for (int i = 0; i < some.length; i++) {
      if (from[i] < 0) {
        upload(some[i], i, false);
      }
    }
  }

  private void upload(int window, int place, boolean keep) {
    List<FloatBlock> blocks = blocks(windows.inputs(window));
    for (int k = 0; k < kinds.size(); k++) {
      FloatBlock block = k == kinds.size() - 1 ? windows.target(window) : first(blocks, k);
      Kind kind = kinds.get(k);
      (keep ? kind.all : kind.batch).upload(dense(block), (long) place * kind.each);
    }
  }

  private FloatBlock first(List<FloatBlock> blocks, int kind) {
    for (int i = 0; i < blocks.size(); i++) {
      if (kindOf[i] == kind) {
        return blocks.get(i);
      }
    }
    throw new IllegalArgumentException("no inputs of kind " + kind);
  }

  private static float[] dense(FloatBlock block) {
    int columns = block.columns();
    if (block.offset() == 0
        && block.stride() == columns
        && block.elements().length == block.rows() * columns) {
      return block.elements();
    }
    float[] dense = new float[block.rows() * columns];
    for (int r = 0; r < block.rows(); r++) {
      System.arraycopy(
          block.elements(), block.offset() + r * block.stride(), dense, r * columns, columns);
    }
    return dense;
  }

  /// The squared size of what the source gives over some windows.
  double size(int[] some) {
    double size = 0;
    for (int window : some) {
      size += sizes.computeIfAbsent(window, windows::size);
    }
    return Math.max(size, Double.MIN_NORMAL);
  }

  Memory query() {
    return kinds.get(kindOf[0]).batch;
  }

  Memory state() {
    return kinds.get(kindOf[1]).batch;
  }

  Memory rope() {
    return kinds.get(kindOf[2]).batch;
  }

  Memory target() {
    return kinds.getLast().batch;
  }

  @Override
  public void close() {
    for (Kind kind : kinds) {
      kind.all.close();
      kind.batch.close();
    }
  }
}
