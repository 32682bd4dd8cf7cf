package dev.regroup.runtime.cuda;

import dev.regroup.runtime.train.Memory;
import org.jspecify.annotations.Nullable;

/// Elements on the device; copies wait for the work of one stream.
///
/// They are float32, or rounded to BF16, or both: whoever asks for one gets it made of the other where
/// only that is up to date, and keeps it until elements change.
final class CudaMemory implements Memory {
  private final Rounding rounding;
  private final long length;
  private final boolean factor;
  private @Nullable CudaBuffer floats;
  private @Nullable CudaBuffer halves;
  private boolean floatsHold;
  private boolean halvesHold;

  /// @param factor whether products may leave their results here rounded; float32 is allocated only
  ///     where it is asked for then
  CudaMemory(Rounding rounding, long length, boolean factor) {
    this.rounding = rounding;
    this.length = length;
    this.factor = factor;
    if (factor) {
      halves = rounding.halves(length);
    } else {
      floats = rounding.floats(length);
    }
  }

  static CudaMemory of(Memory memory) {
    if (memory instanceof CudaMemory cuda) {
      return cuda;
    }
    throw new IllegalArgumentException("expected memory of this device, found " + memory);
  }

  boolean factor() {
    return factor;
  }

  /// Float32, to be read.
  CudaBuffer floats() {
    CudaBuffer wide = floatRoom();
    CudaBuffer narrow = halves;
    if (!floatsHold && halvesHold && narrow != null) {
      rounding.widen(narrow, wide, length);
      floatsHold = true;
    }
    return wide;
  }

  /// Float32, of which some elements are about to change.
  CudaBuffer changed() {
    CudaBuffer wide = floats();
    floatsHold = true;
    halvesHold = false;
    return wide;
  }

  /// Float32, whose present elements nobody wants.
  CudaBuffer replaced() {
    CudaBuffer wide = floatRoom();
    floatsHold = true;
    halvesHold = false;
    return wide;
  }

  /// BF16, to be read.
  CudaBuffer halves() {
    CudaBuffer narrow = halfRoom();
    CudaBuffer wide = floats;
    if (!halvesHold && floatsHold && wide != null) {
      rounding.round(wide, narrow, length);
      halvesHold = true;
    }
    return narrow;
  }

  /// BF16, of which some elements are about to change.
  CudaBuffer changedHalves() {
    CudaBuffer narrow = halves();
    halvesHold = true;
    floatsHold = false;
    return narrow;
  }

  /// BF16, whose present elements nobody wants.
  CudaBuffer replacedHalves() {
    CudaBuffer narrow = halfRoom();
    halvesHold = true;
    floatsHold = false;
    return narrow;
  }

  private CudaBuffer floatRoom() {
    CudaBuffer room = floats;
    if (room == null) {
      room = rounding.floats(length);
      floats = room;
    }
    return room;
  }

  private CudaBuffer halfRoom() {
    CudaBuffer room = halves;
    if (room == null) {
      room = rounding.halves(length);
      halves = room;
    }
    return room;
  }

  @Override
  public long length() {
    return length;
  }

  @Override
  public void upload(float[] from, long at) {
    CudaBuffer to = changed();
    rounding.stream().synchronize();
    to.upload(from, Float.BYTES * at);
  }

  @Override
  public void download(float[] into, long at) {
    CudaBuffer from = floats();
    rounding.stream().synchronize();
    from.download(into, Float.BYTES * at);
  }

  @Override
  public void close() {
    if (floats != null) {
      floats.close();
    }
    if (halves != null) {
      halves.close();
    }
  }
}
