package dev.regroup.runtime.text;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.runtime.Parallel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Tokenises documents until there are tokens enough, and cuts them into windows.
final class WindowReader implements AutoCloseable {
  /// Characters tokenised at a time, on all cores.
  private static final int BATCH = 1 << 18;

  /// Bytes of text that are looked at; of more, every second, third, ... document is.
  private static final long MOST_BYTES = 64L << 20;

  private final Path modelDirectory;
  private final ModelConfig config;
  private final int windowTokens;
  private final long wanted;
  private final Separator separator;
  private final List<TextDocument> batch = new ArrayList<>();
  private int batchCharacters;
  private int[] tokens = new int[1 << 16];
  private int count;
  private @Nullable TextTokenizer tokenizer;

  /// @param wanted stop at so many tokens
  WindowReader(Checkpoint checkpoint, int windowTokens, long wanted) {
    this.modelDirectory = tokenizerFolder(checkpoint);
    this.config = checkpoint.config();
    this.windowTokens = windowTokens;
    this.wanted = wanted;
    this.separator = Separator.of(config.copy());
  }

  // In an archive, side files lie elsewhere; a bare file of tensors may lie beside a tokenizer.
  private static Path tokenizerFolder(Checkpoint checkpoint) {
    Path tokenizer = Path.of("tokenizer.json");
    Path beside =
        checkpoint.sideFiles().contains(tokenizer)
            ? checkpoint.sideFile(tokenizer)
            : checkpoint.path().toAbsolutePath();
    Path parent = beside.getParent();
    boolean isFolder = checkpoint.isModel() && beside.equals(checkpoint.path().toAbsolutePath());
    return isFolder || parent == null ? checkpoint.path() : parent;
  }

  /// What stands before a document or a window.
  ///
  /// @param bos the BOS id, -1 where the config has none
  record Separator(TokenWindows.Protocol protocol, int bos) {
    static Separator of(JsonNode config) {
      List<Integer> bos = ids(config.path("bos_token_id"));
      if (bos.isEmpty()) {
        return new Separator(TokenWindows.Protocol.PACKED, -1);
      }
      boolean same = ids(config.path("eos_token_id")).contains(bos.getFirst());
      return new Separator(
          same ? TokenWindows.Protocol.PACKED : TokenWindows.Protocol.BOS_EACH_WINDOW,
          bos.getFirst());
    }

    private static List<Integer> ids(JsonNode value) {
      List<Integer> ids = new ArrayList<>();
      if (value.isInt()) {
        ids.add(value.intValue());
      }
      for (JsonNode element : value.isArray() ? value : List.<JsonNode>of()) {
        if (element.isInt()) {
          ids.add(element.intValue());
        }
      }
      return ids;
    }

    boolean beforeDocuments() {
      return protocol == TokenWindows.Protocol.PACKED && bos >= 0;
    }

    boolean beforeWindows() {
      return protocol == TokenWindows.Protocol.BOS_EACH_WINDOW;
    }
  }

  /// Every whole window of the text, or the first ones that hold the tokens wanted.
  List<int[]> read(Path path) {
    List<Path> files = DocumentReader.files(path);
    boolean all = wanted == Long.MAX_VALUE;
    long step = Math.max(1, Math.ceilDiv(bytes(files), MOST_BYTES));
    long[] seen = {0};
    boolean more = true;
    for (int i = 0; more && i < files.size(); i++) {
      Path file = files.get(i);
      more =
          DocumentReader.read(
              file, document -> (all && seen[0]++ % step > 0) || take(file, document));
    }
    flush();
    List<int[]> windows = cut();
    if (windows.isEmpty()) {
      throw new CheckpointException(
          "%s: expected at least %d tokens, one window, found %d -> give a longer text"
              .formatted(path, windowTokens, count));
    }
    return windows;
  }

  private static long bytes(List<Path> files) {
    long bytes = 0;
    for (Path file : files) {
      try {
        bytes += Files.size(file);
      } catch (IOException e) {
        throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
      }
    }
    return bytes;
  }

  private boolean take(Path file, TextDocument document) {
    if (document instanceof TextDocument.Ids(int[] ids)) {
      int vocabulary = config.integer("vocab_size", Integer.MAX_VALUE);
      for (int id : ids) {
        if (id >= vocabulary) {
          throw new CheckpointException(
              "%s: expected tokens below the vocabulary's size %d, found %d"
                  .formatted(file, vocabulary, id));
        }
      }
    }
    batch.add(document);
    batchCharacters +=
        document instanceof TextDocument.Characters(String text, boolean _) ? text.length() : 0;
    if (batchCharacters >= BATCH || batch.size() >= 1024) {
      flush();
    }
    return count < wanted;
  }

  private void flush() {
    int[][] encoded = new int[batch.size()][];
    if (batchCharacters > 0 && tokenizer == null) {
      tokenizer = TextTokenizer.open(modelDirectory);
    }
    Parallel.forEach(encoded.length, i -> encoded[i] = encode(batch.get(i)));
    for (int i = 0; i < encoded.length; i++) {
      int[] document = encoded[i];
      boolean already = document.length > 0 && document[0] == separator.bos();
      if (separator.beforeDocuments() && batch.get(i).begins() && !already) {
        append(new int[] {separator.bos()}, 0, 1);
      }
      // a BOS that stands before ids we were given goes before windows instead
      int skip = separator.beforeWindows() && already ? 1 : 0;
      append(document, skip, document.length - skip);
    }
    batch.clear();
    batchCharacters = 0;
  }

  private int[] encode(TextDocument document) {
    return switch (document) {
      case TextDocument.Ids(int[] ids) -> ids;
      case TextDocument.Characters(String text, boolean _) ->
          tokenizer == null ? new int[0] : tokenizer.encode(text);
    };
  }

  private void append(int[] from, int start, int length) {
    if (count + length > tokens.length) {
      tokens = Arrays.copyOf(tokens, Math.max(2 * tokens.length, count + length));
    }
    System.arraycopy(from, start, tokens, count, length);
    count += length;
  }

  private List<int[]> cut() {
    int before = separator.beforeWindows() ? 1 : 0;
    int step = windowTokens - before;
    List<int[]> windows = new ArrayList<>();
    for (int start = 0; start + step <= count; start += step) {
      int[] window = new int[windowTokens];
      window[0] = separator.bos();
      System.arraycopy(tokens, start, window, before, step);
      windows.add(window);
    }
    return windows;
  }

  @Override
  public void close() {
    if (tokenizer != null) {
      tokenizer.close();
    }
  }
}
