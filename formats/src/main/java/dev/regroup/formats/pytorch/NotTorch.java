package dev.regroup.formats.pytorch;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.OpenFile;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/// What a file is that should be one of PyTorch's and is not, and what to do about it.
final class NotTorch {
  private static final int SNIFFED = 512;
  private static final String RESAVE =
      " -> load it with torch.load(weights_only=True) and save its state dict as safetensors";

  /// The pickled magic number with which files of PyTorch before 1.6 begin.
  private static final String LEGACY = "\u0080\002\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\u0019.";

  private NotTorch() {}

  /// Refuses a file that does not begin as a zip does.
  static void refuse(OpenFile file) {
    String start = new String(file.bytesAt(0, SNIFFED), StandardCharsets.ISO_8859_1);
    if (!start.startsWith("PK\003\004")) {
      throw new CheckpointException(
          "%s: expected a zip, as torch.save writes since PyTorch 1.6, found %s"
              .formatted(file.name(), found(start)));
    }
  }

  private static String found(String start) {
    String text = start.stripLeading().toLowerCase(Locale.ROOT);
    if (start.startsWith(LEGACY)) {
      return "the format of an older PyTorch" + RESAVE;
    }
    if (start.length() > 262 && start.startsWith("ustar", 257)) {
      return "a tar, as PyTorch wrote before 0.1.10, or an archive -> unpack it";
    }
    if (start.startsWith("\u0080")) {
      return "a bare pickle, which was not run -> save its state dict as safetensors";
    }
    if (start.startsWith("version https://git-lfs")) {
      return "a git-lfs pointer -> run \"git lfs pull\"";
    }
    if (text.startsWith("<!doctype") || text.startsWith("<html") || text.startsWith("<?xml")) {
      return "an HTML page -> check the address or log in, then download it again";
    }
    if (start.startsWith("GGUF")) {
      return "a GGUF file -> take the safetensors model it was made from";
    }
    if (start.startsWith("7z\u00bc\u00af")) {
      return "a 7z archive -> unpack it first";
    }
    if (start.length() > 8 && start.charAt(8) == '{') {
      return "a safetensors file -> name it .safetensors";
    }
    return start.isEmpty() ? "nothing: the file is empty -> download it again" : "other bytes";
  }
}
