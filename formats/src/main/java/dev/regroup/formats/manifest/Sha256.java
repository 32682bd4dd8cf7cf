package dev.regroup.formats.manifest;

import dev.regroup.formats.checkpoint.DiskFailure;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.LongConsumer;

/// The hash of manifests and journals, in lower-case hexadecimal digits.
public final class Sha256 {
  /// Bytes read at a time.
  private static final int PIECE = 1 << 20;

  private Sha256() {}

  /// A hash of nothing yet.
  public static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /// The hash of a whole file.
  ///
  /// @param progress told of bytes that were read; what it throws ends the reading
  /// @throws java.io.UncheckedIOException where the file cannot be read
  public static String of(Path file, LongConsumer progress) {
    MessageDigest digest = digest();
    ByteBuffer piece = ByteBuffer.allocateDirect(PIECE);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      for (int count; (count = channel.read(piece.clear())) >= 0; ) {
        digest.update(piece.flip());
        progress.accept(count);
      }
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
    return of(digest);
  }

  /// The hash of some bytes.
  public static String of(byte[] bytes) {
    return HexFormat.of().formatHex(digest().digest(bytes));
  }

  /// The hash of what a digest was given.
  public static String of(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }
}
