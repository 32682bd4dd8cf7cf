package dev.regroup.converters.write;

import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.disk.Disk;
import dev.regroup.formats.disk.DiskFile;
import dev.regroup.formats.manifest.Sha256;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;

/// Writes the files of an output that hold no tensors: each under another name, forced to the disk,
/// and then renamed.
public final class SmallFiles {
  private static final int PIECE = 1 << 16;

  private final Disk disk;
  private final Path directory;

  SmallFiles(Disk disk, Path directory) {
    this.disk = disk;
    this.directory = directory;
  }

  /// Writes a file.
  ///
  /// @param name relative to the output
  public FinishedFile write(Path name, byte[] bytes) {
    try (DiskFile file = begin(name)) {
      file.write(0, ByteBuffer.wrap(bytes));
      file.force();
    }
    return finish(name, bytes.length, Sha256.of(bytes));
  }

  /// Copies a file, or what a link to one leads to: an output holds no links.
  ///
  /// @param name relative to the output
  public FinishedFile copy(Path from, Path name) {
    MessageDigest digest = Sha256.digest();
    long at = 0;
    try (FileChannel source = FileChannel.open(from, StandardOpenOption.READ);
        DiskFile file = begin(name)) {
      ByteBuffer piece = ByteBuffer.allocate(PIECE);
      for (int count; (count = source.read(piece.clear())) >= 0; at += count) {
        digest.update(piece.flip().duplicate());
        file.write(at, piece);
      }
      file.force();
    } catch (IOException e) {
      throw DiskFailure.at(from, e);
    }
    return finish(name, at, Sha256.of(digest));
  }

  private DiskFile begin(Path name) {
    createParents(name);
    Path unfinished = unfinished(name);
    if (Tree.exists(unfinished)) {
      disk.delete(unfinished);
    }
    return disk.create(unfinished);
  }

  private void createParents(Path name) {
    Path parent = name.getParent();
    if (parent != null && !Tree.exists(directory.resolve(parent))) {
      createParents(parent);
      disk.createDirectory(directory.resolve(parent));
    }
  }

  private FinishedFile finish(Path name, long bytes, String sha256) {
    disk.rename(unfinished(name), directory.resolve(name));
    return new FinishedFile(name.toString().replace('\\', '/'), bytes, sha256);
  }

  private Path unfinished(Path name) {
    return directory.resolve(name + TargetFiles.UNFINISHED);
  }
}
