package dev.regroup.formats.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/// A JSON file's text: there, regular, not too large, and UTF-8.
public final class TextFile {
  private TextFile() {}

  /// Reads a whole file.
  ///
  /// @param most bytes that are read before the file is refused
  /// @throws CheckpointException where it is missing, no regular file, larger, or not UTF-8
  public static String read(Path file, int most) {
    requireRegular(file);
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      bytes = in.readNBytes(most);
      if (in.read() >= 0) {
        throw new CheckpointException("%s: larger than %d bytes".formatted(file, most));
      }
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
    return decode(file, bytes);
  }

  /// Reads a whole file of a model, which may lie in an archive.
  ///
  /// @param most bytes that are read before the file is refused
  /// @throws CheckpointException where it is larger, or not UTF-8
  public static String read(ModelFile file, int most) {
    if (file.bytes() > most) {
      throw new CheckpointException("%s: larger than %d bytes".formatted(file.name(), most));
    }
    try (OpenFile open = OpenFile.open(file)) {
      return decode(file.name(), open.bytesAt(0, most));
    }
  }

  /// Refuses what is not a regular file, or a link to one.
  ///
  /// @throws CheckpointException saying what it is instead, and where a broken link points
  public static void requireRegular(Path file) {
    if (Files.isRegularFile(file)) {
      return;
    }
    if (Files.isSymbolicLink(file)) {
      throw new CheckpointException(
          "%s: expected a file, found a link to %s, which is missing, a loop, or no file"
              .formatted(file, target(file)));
    }
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      throw new CheckpointException(
          "%s: expected a file, found a %s"
              .formatted(file, Files.isDirectory(file) ? "directory" : "pipe or device"));
    }
    throw new CheckpointException("%s: no such file".formatted(file));
  }

  private static String target(Path link) {
    try {
      return Files.readSymbolicLink(link).toString();
    } catch (IOException e) {
      return "a place that cannot be read (" + e.getMessage() + ")";
    }
  }

  private static String decode(Path file, byte[] bytes) {
    try {
      CharBuffer text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      if (!text.isEmpty() && text.charAt(0) == '\ufeff') {
        throw new CheckpointException(
            "%s: expected JSON, found a byte order mark -> save it as UTF-8 without one"
                .formatted(file));
      }
      return text.toString();
    } catch (CharacterCodingException e) {
      throw new CheckpointException("%s: expected UTF-8, found other bytes".formatted(file), e);
    }
  }
}
