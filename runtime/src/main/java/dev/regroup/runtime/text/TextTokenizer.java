package dev.regroup.runtime.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.runtime.PrivateFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/// A checkpoint's `tokenizer.json`, run offline by Hugging Face's own library.
///
/// Safe for use by several threads.
public final class TextTokenizer implements AutoCloseable {
  /// Where the library would otherwise look at the network, at a shared folder, or for a GPU.
  private static final Map<String, String> SETTINGS =
      Map.of("DJL_OFFLINE", "true", "OPT_OUT_TRACKING", "true", "RUST_FLAVOR", "cpu");

  private final HuggingFaceTokenizer tokenizer;

  private TextTokenizer(HuggingFaceTokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /// Opens `tokenizer.json` of a model directory.
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where there is none, or it is
  ///   broken
  public static TextTokenizer open(Path modelDirectory) {
    Path file = modelDirectory.resolve("tokenizer.json");
    if (!Files.isRegularFile(file)) {
      throw new CheckpointException(
          file
              + ": expected the model's tokenizer, found none -> copy tokenizer.json there, or give"
              + " token ids ({\"tokens\": [...]} lines) instead of text");
    }
    settle();
    try {
      return new TextTokenizer(
          HuggingFaceTokenizer.builder()
              .optTokenizerPath(file)
              .optAddSpecialTokens(false)
              .optTruncation(false)
              .optPadding(false)
              .build());
    } catch (IOException | RuntimeException e) {
      throw new CheckpointException(
          "%s: not a tokenizer that can be read: %s".formatted(file, firstLine(e)), e);
    }
  }

  private static synchronized void settle() {
    SETTINGS.forEach(
        (name, value) -> {
          if (System.getProperty(name) == null) {
            System.setProperty(name, value);
          }
        });
    if (System.getProperty("DJL_CACHE_DIR") == null) {
      System.setProperty("DJL_CACHE_DIR", PrivateFolder.of("tokenizers").toString());
    }
  }

  private static String firstLine(Throwable e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
  }

  /// Token ids of a text, without special tokens.
  public int[] encode(String text) {
    long[] ids = tokenizer.encode(text, false, false).getIds();
    int[] tokens = new int[ids.length];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = (int) ids[i];
    }
    return tokens;
  }

  /// The text of some token ids.
  public String decode(int[] tokens) {
    long[] ids = new long[tokens.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = tokens[i];
    }
    return tokenizer.decode(ids, false);
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
