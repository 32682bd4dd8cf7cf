package dev.regroup.runtime.text;

import java.nio.file.Path;

/// A checkpoint's `tokenizer.json`, run offline by Hugging Face's own library.
public final class TextTokenizer implements AutoCloseable {
  private TextTokenizer() {}

  /// Opens `tokenizer.json` of a model directory.
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where there is none, or it is broken
  public static TextTokenizer open(Path modelDirectory) {
    throw new UnsupportedOperationException("not yet: " + modelDirectory);
  }

  /// Token ids of a text, without special tokens.
  public int[] encode(String text) {
    throw new UnsupportedOperationException("not yet: " + text);
  }

  /// The text of some token ids.
  public String decode(int[] tokens) {
    throw new UnsupportedOperationException("not yet: " + tokens.length);
  }

  @Override
  public void close() {}
}
