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
    Memory memory = math.allocate(rows * columns);
    all.add(memory);
    return memory;
  }

  @Override
  public void close() {
    all.forEach(Memory::close);
  }
}
