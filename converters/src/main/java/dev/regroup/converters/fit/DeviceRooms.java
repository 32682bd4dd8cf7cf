package dev.regroup.converters.fit;

import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.TrainingMath;
import java.util.ArrayList;
import java.util.List;

/// Memory for intermediate results of some rows, given back at once.
final class DeviceRooms implements AutoCloseable {
  private final TrainingMath math;
  private final long rows;
  private final List<Memory> all = new ArrayList<>();

  DeviceRooms(TrainingMath math, long rows) {
    this.math = math;
    this.rows = rows;
  }

  /// `[rows, columns]`.
  Memory of(long columns) {
    return kept(math.allocate(rows * columns));
  }

  /// `[rows, columns]` that products give and others read.
  Memory factor(long columns) {
    return kept(math.allocateFactor(rows * columns));
  }

  private Memory kept(Memory memory) {
    all.add(memory);
    return memory;
  }

  @Override
  public void close() {
    all.forEach(Memory::close);
  }
}
