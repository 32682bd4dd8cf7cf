package dev.regroup.formats.pytorch;

import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.OpenShard;
import dev.regroup.formats.checkpoint.Scratch;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/// Bytes that do not lie in the file as they are wanted (transposed, big-endian, deflated): they are
/// put end to end into a scratch file when they are first asked for.
final class GatheredTensor implements OpenShard.Place {
  private final Scratch scratch;
  private final Path name;
  private final long bytes;
  private final Filling filling;
  private OpenShard.@Nullable Spot spot;

  /// Writes the bytes.
  interface Filling {
    void into(FileChannel channel) throws IOException;
  }

  /// @param name of the file that they are read from
  /// @param bytes that `filling` writes
  GatheredTensor(Scratch scratch, Path name, long bytes, Filling filling) {
    this.scratch = scratch;
    this.name = name;
    this.bytes = bytes;
    this.filling = filling;
  }

  @Override
  public synchronized OpenShard.Spot find() {
    if (spot == null) {
      scratch.requireSpace(bytes);
      Path file = scratch.newFile();
      try (FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        filling.into(channel);
      } catch (IOException e) {
        throw DiskFailure.at(file, e);
      }
      spot = new OpenShard.Spot(scratch.open(new ModelFile(name, file, 0, bytes)), 0);
    }
    return spot;
  }
}
