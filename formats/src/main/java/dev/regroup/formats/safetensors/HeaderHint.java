package dev.regroup.formats.safetensors;

import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_JSON;

import dev.regroup.formats.checkpoint.OpenFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;

/// What a file is that calls itself safetensors and is not, and what to do about it.
final class HeaderHint {
  private static final int SNIFFED = 512;

  private HeaderHint() {}

  /// Says what the first bytes look like, or that the length they make is too large.
  static String notSafetensors(OpenFile file, long headerBytes) {
    String found = known(new String(file.bytesAt(0, SNIFFED), StandardCharsets.ISO_8859_1));
    return found.isEmpty()
        ? "expected a header of at most %d bytes, found %s: truncated, or not safetensors"
            .formatted(SafetensorsHeader.MOST_HEADER_BYTES, Long.toUnsignedString(headerBytes))
        : "expected safetensors, found " + found;
  }

  private static String known(String start) {
    String text = start.stripLeading().toLowerCase(Locale.ROOT);
    if (start.startsWith("version https://git-lfs")) {
      return "a git-lfs pointer -> run \"git lfs pull\"";
    }
    if (text.startsWith("<!doctype") || text.startsWith("<html") || text.startsWith("<?xml")) {
      return "an HTML page -> check the address or log in, then download it again";
    }
    if (start.startsWith("GGUF")) {
      return "a GGUF file -> take the safetensors model it was made from";
    }
    if (start.startsWith("PK\003\004")) {
      return "a zip archive, such as PyTorch writes -> save the model as safetensors";
    }
    if (start.startsWith("\u0080\002") || start.startsWith("\u0080\004")) {
      return "a pickle, such as old PyTorch writes -> save the model as safetensors";
    }
    if (start.startsWith("\037\u008b")) {
      return "a gzip archive -> unpack it first";
    }
    return text.startsWith("{") ? "JSON -> give the model's directory" : "";
  }

  /// Names damage that would otherwise be reported as some character that is not JSON.
  static void refuseKnownDamage(Path file, byte[] header) {
    if (header.length == 0) {
      throw malformed(
          file,
          "the header's length is 0: the file begins with zeros, it was reserved on a disk and not"
              + " written -> download it again");
    }
    if (header.length >= 3
        && header[0] == (byte) 0xef
        && header[1] == (byte) 0xbb
        && header[2] == (byte) 0xbf) {
      throw malformed(file, "header: expected \"{\", found a byte order mark");
    }
    if (isPaddedWithNuls(header)) {
      throw malformed(file, "header: padded with NUL -> pad it with spaces");
    }
  }

  private static boolean isPaddedWithNuls(byte[] header) {
    int end = header.length;
    while (end > 0 && header[end - 1] == 0) {
      end--;
    }
    // In UTF-16 the last byte is NUL too, and so is the second.
    return end > 1 && end < header.length && header[end - 1] == '}' && header[1] != 0;
  }

  private static SafetensorsException malformed(Path file, String message) {
    return new SafetensorsException(file, BAD_JSON, message);
  }
}
