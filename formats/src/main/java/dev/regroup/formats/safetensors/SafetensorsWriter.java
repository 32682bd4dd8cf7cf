package dev.regroup.formats.safetensors;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.tensor.TensorCodec;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
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

  private final Path file;
  private final FileChannel channel;
  private final Map<String, SafetensorsHeader.Entry> entries = new LinkedHashMap<>();
  private final WrittenRanges written = new WrittenRanges();
  private final Object copying = new Object();

  private SafetensorsWriter(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /// Creates a file and writes its header.
  ///
  /// @param file must not exist
  /// @param tensors in the order of their bytes
  /// @param metadata see {@link SafetensorsHeader#render}
  /// @throws UncheckedIOException where the file exists or cannot be written
  /// @throws IllegalArgumentException where the tensors make no header
  public static SafetensorsWriter create(
      Path file, List<TensorInfo> tensors, Map<String, String> metadata) {
    byte[] header = SafetensorsHeader.render(tensors, metadata);
    FileChannel channel;
    try {
      channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
    var writer = new SafetensorsWriter(file, channel);
    long offset = header.length;
    for (TensorInfo tensor : tensors) {
      writer.entries.put(tensor.name(), new SafetensorsHeader.Entry(tensor, offset));
      offset += tensor.bytes();
    }
    try {
      writer.put(0, ByteBuffer.wrap(header));
      writer.written.take(0, header.length);
      return writer;
    } catch (UncheckedIOException e) {
      writer.close();
      throw e;
    }
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
      put(entry.offset() + (long) at * width, chunk.flip());
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
    put(entry.offset() + offset, bytes);
  }

  /// Copies a whole tensor byte for byte, in the kernel where both are files.
  ///
  /// @param source still open
  /// @throws IllegalArgumentException where there is no such tensor, dtype or shape differ, or it
  ///   was written before
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where the source's file ends early
  public void copy(String name, Checkpoint source, String sourceName) {
    SafetensorsHeader.Entry entry = entry(name);
    TensorInfo from =
        source.find(sourceName).orElseThrow(() -> wrong(sourceName, "not in " + source.path()));
    if (from.dtype() != entry.info().dtype() || !from.shape().equals(entry.info().shape())) {
      throw wrong(
          name,
          "expected %s of %s, found %s of %s"
              .formatted(entry.info().shape(), entry.info().dtype(), from.shape(), from.dtype()));
    }
    take(entry, 0, from.bytes());
    // The kernel copies to the channel's own position, of which there is one.
    synchronized (copying) {
      try {
        channel.position(entry.offset());
        source.transfer(sourceName, channel);
      } catch (IOException e) {
        throw DiskFailure.at(file, e);
      }
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
    try {
      channel.force(true);
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
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

  private void put(long offset, ByteBuffer bytes) {
    int limit = bytes.limit();
    long at = offset;
    try {
      while (bytes.position() < limit) {
        bytes.limit(Math.min(limit, bytes.position() + CHUNK));
        at += channel.write(bytes, at);
      }
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    } finally {
      bytes.limit(limit);
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
        "%s: tensor %s: %s".formatted(file, Quoted.of(name), message));
  }
}
