package dev.regroup.formats.safetensors;

import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/// Finds each tensor's place from what the header says: they must lie end to end and be as long as
/// their dtype and shape say.
///
/// Faults are looked for in the reference's order, so that a file with several gets the same name.
final class HeaderLayout {
  private final Path file;
  private final long dataStart;

  HeaderLayout(Path file, long dataStart) {
    this.file = file;
    this.dataStart = dataStart;
  }

  /// The tensors in the order of their bytes.
  ///
  /// @throws SafetensorsException with the first rule that is broken
  List<SafetensorsHeader.Entry> place(Map<String, TensorDescription> tensors) {
    List<Map.Entry<String, TensorDescription>> sorted = new ArrayList<>(tensors.entrySet());
    sorted.sort(
        Map.Entry.comparingByValue(
            Comparator.comparing(TensorDescription::begin, Long::compareUnsigned)
                .thenComparing(TensorDescription::end, Long::compareUnsigned)));
    List<SafetensorsHeader.Entry> entries = new ArrayList<>(sorted.size());
    long next = 0;
    for (var tensor : sorted) {
      TensorDescription description = tensor.getValue();
      requireEndToEnd(tensor.getKey(), description, next);
      TensorInfo info = size(tensor.getKey(), description);
      entries.add(new SafetensorsHeader.Entry(info, dataStart + next));
      next = description.end();
    }
    return entries;
  }

  private void requireEndToEnd(String name, TensorDescription description, long next) {
    long begin = description.begin();
    long end = description.end();
    String message;
    if (Long.compareUnsigned(end, begin) < 0) {
      message = "and ends before it, at " + Long.toUnsignedString(end);
    } else if (Long.compareUnsigned(begin, next) < 0) {
      message = "inside the tensor before it, which ends at " + next;
    } else if (begin != next) {
      message = "expected at %d: no tensor holds the bytes between".formatted(next);
    } else {
      return;
    }
    throw new SafetensorsException(
        file,
        SafetensorsFault.INVALID_OFFSET,
        "tensor %s: begins at %s, %s"
            .formatted(Quoted.of(name), Long.toUnsignedString(begin), message));
  }

  private TensorInfo size(String name, TensorDescription description) {
    long[] extents = description.extents();
    long bits;
    try {
      bits = Math.unsignedMultiplyExact(Shape.elements(extents), (long) description.dtype().bits());
    } catch (ArithmeticException e) {
      throw wrongSize(
          SafetensorsFault.OVERFLOW, name, description, "is more bits than 64 bits can count");
    }
    if ((bits & 7) != 0) {
      throw wrongSize(
          SafetensorsFault.MISALIGNED,
          name,
          description,
          "is %s bits, which is no number of bytes".formatted(Long.toUnsignedString(bits)));
    }
    long given = description.end() - description.begin();
    if (bits >>> 3 != given) {
      throw wrongSize(
          SafetensorsFault.SIZE_MISMATCH,
          name,
          description,
          "is %d bytes, the header gives it %s"
              .formatted(bits >>> 3, Long.toUnsignedString(given)));
    }
    return new TensorInfo(name, description.dtype(), Shape.of(extents));
  }

  private SafetensorsException wrongSize(
      SafetensorsFault fault, String name, TensorDescription description, String message) {
    return new SafetensorsException(
        file,
        fault,
        "tensor %s: %s of %s %s"
            .formatted(
                Quoted.of(name),
                Shape.describe(description.extents()),
                description.dtype(),
                message));
  }
}
