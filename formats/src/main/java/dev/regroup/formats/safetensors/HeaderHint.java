package dev.regroup.formats.safetensors;

import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_JSON;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;

/// What a file is that calls itself safetensors and is not, and what to do about it.
final class HeaderHint {
  private static final int SNIFFED = 512;

  private HeaderHint() {}

  /// What the first bytes look like, ready to be put behind a message; empty where they look like
  /// nothing known.
  static String of(FileChannel channel, long fileBytes) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(fileBytes, SNIFFED));
    channel.read(bytes, 0);
    return of(new String(bytes.array(), 0, bytes.position(), StandardCharsets.ISO_8859_1));
  }

  private static String of(String start) {
    String text = start.stripLeading().toLowerCase(Locale.ROOT);
    if (start.isEmpty()) {
      return ": an empty file -> download it again";
    }
    if (start.startsWith("version https://git-lfs")) {
      return ": a git-lfs pointer -> run \"git lfs pull\"";
    }
    if (text.startsWith("<!doctype") || text.startsWith("<html") || text.startsWith("<?xml")) {
      return ": an HTML page, not the file -> check the link or log in, then download it again";
    }
    if (start.startsWith("GGUF")) {
      return ": a GGUF file -> convert the model to safetensors";
    }
    if (start.startsWith("PK\003\004")) {
      return ": a zip archive, such as PyTorch writes -> save the model as safetensors";
    }
    if (start.startsWith("\u0080\002") || start.startsWith("\u0080\004")) {
      return ": a pickle, such as old PyTorch writes -> save the model as safetensors";
    }
    if (start.startsWith("\037\u008b")) {
      return ": a gzip archive -> unpack it first";
    }
    return start.startsWith("{") ? ": JSON without the length before it" : "";
  }

  /// Names damage that would otherwise be reported as some character that is not JSON.
  static void refuseKnownDamage(Path file, byte[] header, long fileBytes) {
    if (header.length == 0) {
      throw new SafetensorsException(
          file,
          BAD_JSON,
          "the header is empty; a file of %d bytes that begins with zeros was perhaps never written"
                  .formatted(fileBytes)
              + " -> download it again");
    }
    if (header.length >= 3
        && header[0] == (byte) 0xef
        && header[1] == (byte) 0xbb
        && header[2] == (byte) 0xbf) {
      throw new SafetensorsException(
          file, BAD_JSON, "header: expected \"{\", found a byte order mark");
    }
    if (header[header.length - 1] == 0 && header[0] == '{' && isPaddedWithNuls(header)) {
      throw new SafetensorsException(
          file, BAD_JSON, "header: padded with NUL -> pad it with spaces");
    }
  }

  private static boolean isPaddedWithNuls(byte[] header) {
    int end = header.length;
    while (end > 0 && header[end - 1] == 0) {
      end--;
    }
    return end > 0 && header[end - 1] == '}';
  }
}
