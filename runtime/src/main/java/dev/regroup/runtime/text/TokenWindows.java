package dev.regroup.runtime.text;

import dev.regroup.formats.checkpoint.Checkpoint;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.IntStream;

/// Token sequences of one length, cut from text: what calibration and verification run on.
///
/// @param source where they come from, for reports
/// @param sha256 of the token ids as little-endian int32, so that two reports can be compared
/// @param windows each of `windowTokens` ids
public record TokenWindows(String source, String sha256, int windowTokens, List<int[]> windows) {
  public TokenWindows {
    windows = List.copyOf(windows);
  }

  /// How text becomes windows.
  public enum Protocol {
    /// Documents, each preceded by the BOS id (where there is one), concatenated and cut into
    /// windows; the rest is dropped.
    PACKED,
    /// Each window is the BOS id and then the next tokens of the text.
    BOS_EACH_WINDOW
  }

  /// Windows of one length that are at hand.
  ///
  /// @param source where they come from, for reports
  public static TokenWindows of(String source, List<int[]> windows) {
    return new TokenWindows(source, sha256(windows), windows.getFirst().length, windows);
  }

  /// Reads text (documents separated by NUL), JSON lines (`{"text": ...}` or `{"tokens": [...]}`),
  /// or a directory of such files, through the checkpoint's tokenizer.
  ///
  /// The protocol is {@link Protocol#PACKED} where BOS and EOS are the same id (a document
  /// separator) or the config names no BOS, else {@link Protocol#BOS_EACH_WINDOW}.
  ///
  /// @param path a file, or a directory whose files are read in name order
  /// @param windowTokens of a window, BOS included
  /// @param maxTokens as many windows as fit are kept
  /// @param spread whether the windows kept are spread evenly over the text, else its first ones
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where the text has no known form,
  ///   or is too short for one window
  public static TokenWindows read(
      Checkpoint checkpoint, Path path, int windowTokens, long maxTokens, boolean spread) {
    if (windowTokens < 2 || maxTokens < windowTokens) {
      throw new IllegalArgumentException(
          "expected at least 2 tokens a window and one window in all, found %d and %d"
              .formatted(windowTokens, maxTokens));
    }
    long wanted = spread ? Long.MAX_VALUE : maxTokens;
    try (var reader = new WindowReader(checkpoint, windowTokens, wanted)) {
      List<int[]> windows =
          evenly(reader.read(path), (int) Math.min(maxTokens / windowTokens, 1 << 24), spread);
      return new TokenWindows(path.toString(), sha256(windows), windowTokens, windows);
    }
  }

  private static List<int[]> evenly(List<int[]> all, int most, boolean spread) {
    int count = Math.min(most, all.size());
    return IntStream.range(0, count)
        .mapToObj(i -> all.get(spread ? (int) ((long) i * all.size() / count) : i))
        .toList();
  }

  private static String sha256(List<int[]> windows) {
    try {
      var digest = MessageDigest.getInstance("SHA-256");
      for (int[] window : windows) {
        ByteBuffer bytes =
            ByteBuffer.allocate(window.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asIntBuffer().put(window);
        digest.update(bytes);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  /// Tokens in all windows.
  public long tokens() {
    return (long) windows.size() * windowTokens;
  }
}
