package dev.regroup.formats.safetensors;

import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.disk.Disk;
import dev.regroup.formats.disk.DiskFile;
import dev.regroup.formats.safetensors.ShardPlan.PlannedFile;
import dev.regroup.formats.tensor.TensorCodec;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Writes one safetensors file whose tensors are known beforehand: the header first, then each
/// tensor at its place, in any order, whole or in parts. Safe for use by several threads.
///
/// A file is only good after {@link #finish}. Whoever closes it without that discards it.
public final class SafetensorsWriter implements AutoCloseable {
  /// Bytes encoded at a time; a multiple of every dtype's width.
  private static final int CHUNK = 1 << 20;

  private final DiskFile file;
  private final byte[] header;
  private final Map<String, SafetensorsHeader.Entry> entries = new LinkedHashMap<>();
  private final WrittenRanges written = new WrittenRanges();

  private SafetensorsWriter(DiskFile file, List<TensorInfo> tensors, byte[] header) {
    this.file = file;
    this.header = header;
    long offset = header.length;
    for (TensorInfo tensor : tensors) {
      entries.put(tensor.name(), new SafetensorsHeader.Entry(tensor, offset));
      offset += tensor.bytes();
    }
  }

  /// Creates a file on a disk of this machine; see {@link #create(Disk, Path, PlannedFile, Map)}.
  public static SafetensorsWriter create(
      Path file, List<TensorInfo> tensors, Map<String, String> metadata) {
    return create(Disk.LOCAL, file, PlannedFile.of(tensors), metadata);
  }

  /// Creates a file and writes its header.
  ///
  /// @param file must not exist
  /// @param planned what it will hold
  /// @param metadata see {@link SafetensorsHeader#render}
  /// @throws UncheckedIOException where the file exists or cannot be written
  /// @throws IllegalArgumentException where the tensors make no header
  public static SafetensorsWriter create(
      Disk disk, Path file, PlannedFile planned, Map<String, String> metadata) {
    byte[] header = SafetensorsHeader.render(planned, metadata);
    return new SafetensorsWriter(disk.create(file), planned.tensors(), header).begun();
  }

  /// Goes on with a file that another run began: what it wrote counts as not written, and may be
  /// looked at with {@link #read} before it is written again.
  ///
  /// @param file must exist
  /// @throws UncheckedIOException where the file cannot be opened or written
  public static SafetensorsWriter reopen(
      Disk disk, Path file, PlannedFile planned, Map<String, String> metadata) {
    byte[] header = SafetensorsHeader.render(planned, metadata);
    return new SafetensorsWriter(disk.open(file), planned.tensors(), header).begun();
  }

  /// Opens a complete file, to read from: nothing can be written to it.
  ///
  /// @throws UncheckedIOException where the file cannot be opened
  public static SafetensorsWriter reading(
      Disk disk, Path file, PlannedFile planned, Map<String, String> metadata) {
    byte[] header = SafetensorsHeader.render(planned, metadata);
    SafetensorsWriter writer = new SafetensorsWriter(disk.open(file), planned.tensors(), header);
    writer.written.take(0, writer.bytes());
    return writer;
  }

  private SafetensorsWriter begun() {
    try {
      file.write(0, ByteBuffer.wrap(header));
      written.take(0, header.length);
      return this;
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /// The file's first bytes, up to its first tensor.
  public byte[] header() {
    return header.clone();
  }

  /// Where a tensor's bytes begin in the file.
  public long offset(String name) {
    return entry(name).offset();
  }

  /// Bytes of the whole file once it is complete.
  public long bytes() {
    long end = header.length;
    for (SafetensorsHeader.Entry entry : entries.values()) {
      end = Math.max(end, entry.offset() + entry.info().bytes());
    }
    return end;
  }

  /// The file, for copies into it; what is copied must be announced with {@link #take}.
  public DiskFile file() {
    return file;
  }

  /// Writes a whole tensor, rounding its elements to the planned dtype.
  ///
  /// @param values row-major, as many as the shape says
  /// @throws IllegalArgumentException where there is no such tensor, it has another number of
  ///   elements, holds no floats, or was written before
  public void write(String name, float[] values) {
    SafetensorsHeader.Entry entry = entry(name);
    TensorInfo info = entry.info();
    if (values.length != info.shape().elements() || !TensorCodec.knows(info.dtype())) {
      throw wrong(
          name,
          "expected %s of %s, found %d floats"
              .formatted(info.shape(), info.dtype(), values.length));
    }
    take(entry, 0, info.bytes());
    int width = info.dtype().bits() / 8;
    ByteBuffer chunk = ByteBuffer.allocate((int) Math.min(CHUNK, info.bytes()));
    for (int at = 0; at < values.length; at += chunk.limit() / width) {
      chunk.clear().limit((int) Math.min(chunk.capacity(), (long) (values.length - at) * width));
      TensorCodec.encode(info.dtype(), values, at, chunk);
      file.write(entry.offset() + (long) at * width, chunk.flip());
    }
  }

  /// Writes part of a tensor, as the file holds it.
  ///
  /// @param offset from the tensor's first byte
  /// @param bytes taken from position to limit
  /// @throws IllegalArgumentException where there is no such tensor, the part lies outside, or some
  ///   of it was written before
  public void write(String name, long offset, ByteBuffer bytes) {
    SafetensorsHeader.Entry entry = entry(name);
    take(entry, offset, bytes.remaining());
    file.write(entry.offset() + offset, bytes);
  }

  /// Fills `into` with bytes of a tensor from `offset` on, as the file holds them.
  public void read(String name, long offset, ByteBuffer into) {
    file.read(entry(name).offset() + offset, into);
  }

  /// Says that whole tensors are in the file, or will be before {@link #finish}, by other means.
  ///
  /// @param names of tensors that were not written before
  public void take(List<String> names) {
    for (String name : names) {
      SafetensorsHeader.Entry entry = entry(name);
      take(entry, 0, entry.info().bytes());
    }
  }

  /// Declares the file complete and forces it to the disk. Does not close it.
  ///
  /// @throws IllegalArgumentException where part of a tensor was never written
  public void finish() {
    for (SafetensorsHeader.Entry entry : entries.values()) {
      long end = entry.offset() + entry.info().bytes();
      if (!written.covers(entry.offset(), end)) {
        throw wrong(entry.info().name(), "not all of it was written");
      }
    }
    file.force();
  }

  @Override
  public void close() {
    file.close();
  }

  private void take(SafetensorsHeader.Entry entry, long offset, long count) {
    TensorInfo info = entry.info();
    if (offset < 0 || offset > info.bytes() - count) {
      throw wrong(
          info.name(),
          "expected a part of %d bytes, found [%d, %d)"
              .formatted(info.bytes(), offset, offset + count));
    }
    if (!written.take(entry.offset() + offset, entry.offset() + offset + count)) {
      throw wrong(info.name(), "written twice");
    }
  }

  private SafetensorsHeader.Entry entry(String name) {
    SafetensorsHeader.Entry entry = entries.get(name);
    if (entry == null) {
      throw wrong(name, "not planned for this file");
    }
    return entry;
  }

  private IllegalArgumentException wrong(String name, String message) {
    return new IllegalArgumentException(
        "%s: tensor %s: %s".formatted(file.path(), Quoted.of(name), message));
  }
}
