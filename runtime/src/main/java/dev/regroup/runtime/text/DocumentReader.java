package dev.regroup.runtime.text;

import dev.regroup.formats.checkpoint.CheckpointException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Documents of text files, in order: separated by NUL, or one a line of JSON.
///
/// A file whose first character is `{` is JSON lines. Documents are cut into pieces of at most
/// {@value #PIECE} characters, at a line's end, so that no text is too long for memory.
final class DocumentReader {
  static final int PIECE = 1 << 20;

  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final Path file;
  private final Predicate<TextDocument> receiver;

  private DocumentReader(Path file, Predicate<TextDocument> receiver) {
    this.file = file;
    this.receiver = receiver;
  }

  /// The files of a path, in name order; a file is its own only one.
  static List<Path> files(Path path) {
    if (!Files.exists(path)) {
      throw new CheckpointException(
          path + ": expected a text file or a folder of them, found none");
    }
    if (!Files.isDirectory(path)) {
      return List.of(path);
    }
    try (Stream<Path> children = Files.list(path)) {
      List<Path> files =
          children
              .filter(Files::isRegularFile)
              .filter(child -> !String.valueOf(child.getFileName()).startsWith("."))
              .sorted()
              .toList();
      if (files.isEmpty()) {
        throw new CheckpointException(path + ": expected text files, found an empty folder");
      }
      return files;
    } catch (IOException e) {
      throw new UncheckedIOException(path + ": cannot be listed: " + e.getMessage(), e);
    }
  }

  /// Hands documents of a file to `receiver` until it returns false.
  ///
  /// @return whether it wants more
  static boolean read(Path file, Predicate<TextDocument> receiver) {
    var decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    try (var reader =
        new BufferedReader(new InputStreamReader(Files.newInputStream(file), decoder), 1 << 16)) {
      return new DocumentReader(file, receiver).read(reader);
    } catch (CharacterCodingException e) {
      throw new CheckpointException(
          file + ": expected UTF-8 text, found other bytes -> give a text file or JSON lines", e);
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  private boolean read(BufferedReader reader) throws IOException {
    reader.mark(1);
    int first = reader.read();
    if (first == 0xFEFF) { // a byte order mark is no text
      reader.mark(1);
      first = reader.read();
    }
    if (first >= 0) {
      reader.reset();
    }
    return first == '{' ? readLines(reader) : readText(reader);
  }

  private boolean readText(BufferedReader reader) throws IOException {
    var document = new StringBuilder();
    boolean begins = true;
    char[] buffer = new char[1 << 16];
    for (int count = reader.read(buffer); count >= 0; count = reader.read(buffer)) {
      for (int i = 0; i < count; i++) {
        char c = buffer[i];
        requireText(c);
        if (c != 0) {
          document.append(c);
        }
        if (c == 0 || full(document, c)) {
          if (!hand(document, begins)) {
            return false;
          }
          begins = c == 0;
        }
      }
    }
    return hand(document, begins);
  }

  private static boolean full(StringBuilder document, char last) {
    return document.length() >= 2 * PIECE || (document.length() >= PIECE && last == '\n');
  }

  private boolean hand(StringBuilder document, boolean begins) {
    if (document.isEmpty()) {
      return true;
    }
    boolean more = receiver.test(new TextDocument.Characters(document.toString(), begins));
    document.setLength(0);
    return more;
  }

  private void requireText(char c) {
    boolean control = c < ' ' && c != 0 && c != '\t' && c != '\n' && c != '\f' && c != '\r';
    if (control && c != 0x1B) {
      throw new CheckpointException(
          "%s: expected text, found the control character U+%04X -> give a text file or JSON lines"
              .formatted(file, (int) c));
    }
  }

  private boolean readLines(BufferedReader reader) throws IOException {
    int number = 0;
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      number++;
      if (!line.isBlank() && !receiver.test(parse(line, number))) {
        return false;
      }
    }
    return true;
  }

  private TextDocument parse(String line, int number) {
    try {
      JsonNode node = JSON.readTree(line);
      JsonNode text = node.path("text");
      if (text.isString()) {
        return new TextDocument.Characters(text.stringValue(), true);
      }
      JsonNode tokens = node.path("tokens");
      if (tokens.isArray() && !tokens.isEmpty()) {
        return new TextDocument.Ids(ids(tokens, number));
      }
    } catch (JacksonException e) {
      throw unknown(number, "something else", e);
    }
    throw unknown(number, "neither", null);
  }

  private int[] ids(JsonNode tokens, int number) {
    int[] ids = new int[tokens.size()];
    for (int i = 0; i < ids.length; i++) {
      JsonNode id = tokens.get(i);
      if (!id.isInt() || id.intValue() < 0) {
        throw unknown(number, "the token " + id, null);
      }
      ids[i] = id.intValue();
    }
    return ids;
  }

  private CheckpointException unknown(int line, String found, @Nullable Throwable cause) {
    String message =
        "%s: line %d: expected {\"text\": \"...\"} or {\"tokens\": [1, 2, ...]}, found %s"
            .formatted(file, line, found);
    return cause == null
        ? new CheckpointException(message)
        : new CheckpointException(message, cause);
  }
}
