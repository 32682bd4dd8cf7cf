package dev.regroup.runtime.text;

import dev.regroup.formats.checkpoint.Checkpoint;
import java.nio.file.Path;
import java.util.List;

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
    /// Documents, each preceded by the BOS id, concatenated and cut into windows; the rest is dropped.
    PACKED,
    /// Each window is the BOS id and then the next tokens of the text.
    BOS_EACH_WINDOW
  }

  /// Reads text (documents separated by NUL), JSON lines (`{"text": ...}` or `{"tokens": [...]}`), or a
  /// directory of such files, through the checkpoint's tokenizer.
  ///
  /// The protocol is {@link Protocol#PACKED} where BOS and EOS are the same id (a document
  /// separator), else {@link Protocol#BOS_EACH_WINDOW}.
  ///
  /// @param path a file, or a directory whose files are read in name order
  /// @param windowTokens of a window, BOS included
  /// @param maxTokens as many windows as fit are kept
  /// @param spread whether the windows kept are spread evenly over the text, else its first ones
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where the text has no known form, or is
  ///     too short for one window
  public static TokenWindows read(
      Checkpoint checkpoint, Path path, int windowTokens, long maxTokens, boolean spread) {
    throw new UnsupportedOperationException(
        "not yet: " + checkpoint + path + windowTokens + maxTokens + spread);
  }

  /// Tokens in all windows.
  public long tokens() {
    return (long) windows.size() * windowTokens;
  }
}
