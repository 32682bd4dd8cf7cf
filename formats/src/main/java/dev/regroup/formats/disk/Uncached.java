package dev.regroup.formats.disk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/// Files read and written past the system's cache (`O_DIRECT`): of bytes that would not stay in it, that
/// saves the copies through it, the pages it must find, and what others have there.
///
/// Offsets, lengths and buffers' addresses are multiples of {@link #BLOCK}.
public final class Uncached {
  /// Bytes that everything is a multiple of; no file system named below wants larger ones.
  public static final int BLOCK = 4096;

  /// Where this is what it says: elsewhere the bytes may lie with a server, or go through a cache anyway.
  private static final Set<String> FILE_SYSTEMS = Set.of("ext3", "ext4", "xfs");

  private static final Optional<OpenOption> DIRECT = direct();

  private Uncached() {}

  /// Opens a file; empty where the file system cannot.
  ///
  /// @param mode to read or to write
  /// @throws IOException where the file cannot be opened at all
  public static Optional<FileChannel> open(Path file, OpenOption mode) throws IOException {
    var store = Files.getFileStore(file);
    if (DIRECT.isEmpty()
        || !FILE_SYSTEMS.contains(store.type())
        || BLOCK % store.getBlockSize() != 0) {
      return Optional.empty();
    }
    try {
      return Optional.of(FileChannel.open(file, mode, DIRECT.get()));
    } catch (UnsupportedOperationException _) {
      return Optional.empty();
    }
  }

  /// A buffer for such files.
  ///
  /// @param bytes of it, a multiple of {@link #BLOCK}
  public static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocateDirect(bytes + BLOCK).alignedSlice(BLOCK).slice(0, bytes);
  }

  /// `ExtendedOpenOption.DIRECT` by its name: it is in the module jdk.unsupported, which a small runtime
  /// may lack and the compiler warns of.
  private static Optional<OpenOption> direct() {
    try {
      for (Object option :
          Class.forName("com.sun.nio.file.ExtendedOpenOption").getEnumConstants()) {
        if (option instanceof OpenOption found && option.toString().equals("DIRECT")) {
          return Optional.of(found);
        }
      }
    } catch (ClassNotFoundException _) {
      // such a runtime
    }
    return Optional.empty();
  }
}
