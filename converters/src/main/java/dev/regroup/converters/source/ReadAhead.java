package dev.regroup.converters.source;

import dev.regroup.formats.checkpoint.Checkpoint;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.util.List;

/// Has the system read tensors that are needed next, on a thread of its own: a disk that is busy with
/// copies lets the one who computes wait otherwise.
public final class ReadAhead {
  private static final int PIECE = 1 << 20;

  private ReadAhead() {}

  /// Begins to read tensors; what cannot be read is left to whoever needs it.
  ///
  /// @param names of tensors that are there
  public static void begin(Checkpoint source, List<String> names) {
    List<Checkpoint.Location> places = names.stream().map(source::locate).toList();
    Thread.ofPlatform().daemon().name("read-ahead").start(() -> places.forEach(ReadAhead::read));
  }

  private static void read(Checkpoint.Location place) {
    ByteBuffer piece = ByteBuffer.allocateDirect(PIECE);
    try (FileChannel channel = FileChannel.open(place.file(), StandardOpenOption.READ)) {
      for (long at = 0; at < place.bytes(); at += PIECE) {
        piece.clear().limit((int) Math.min(PIECE, place.bytes() - at));
        if (channel.read(piece, place.offset() + at) < 0) {
          return;
        }
      }
    } catch (IOException _) {
      return; // whoever needs it will say so
    }
  }
}
