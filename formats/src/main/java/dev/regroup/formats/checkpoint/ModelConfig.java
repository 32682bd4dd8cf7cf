package dev.regroup.formats.checkpoint;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.node.ObjectNode;

/// A `config.json` with typed look-ups whose errors name file, key and what was found.
public final class ModelConfig {
  private final Path file;
  private final ObjectNode root;

  private ModelConfig(Path file, ObjectNode root) {
    this.file = file;
    this.root = root;
  }

  /// A config already parsed.
  ///
  /// @param file named in errors
  public static ModelConfig of(Path file, ObjectNode root) {
    return new ModelConfig(file, root);
  }

  /// Reads a `config.json`.
  ///
  /// @throws CheckpointException where it is missing, not JSON, or has a key twice
  public static ModelConfig read(Path file) {
    throw new UnsupportedOperationException("not yet: " + file);
  }

  /// The file it was read from.
  public Path file() {
    return file;
  }

  /// A copy of the whole, to change and write.
  public ObjectNode copy() {
    return root.deepCopy();
  }

  /// Whether the key is there and not null.
  public boolean has(String key) {
    return root.hasNonNull(key);
  }

  /// An integer that must be there.
  public int integer(String key) {
    throw new UnsupportedOperationException("not yet: " + key);
  }

  /// An integer, or `fallback` where the key is absent or null.
  public int integer(String key, int fallback) {
    return has(key) ? integer(key) : fallback;
  }

  /// A number that must be there.
  public double number(String key) {
    throw new UnsupportedOperationException("not yet: " + key);
  }

  /// A number, or `fallback` where the key is absent or null.
  public double number(String key, double fallback) {
    return has(key) ? number(key) : fallback;
  }

  /// A boolean, or `fallback` where the key is absent or null.
  public boolean flag(String key, boolean fallback) {
    throw new UnsupportedOperationException("not yet: " + key + fallback);
  }

  /// A string that must be there.
  public String text(String key) {
    throw new UnsupportedOperationException("not yet: " + key);
  }

  /// A string, or `fallback` where the key is absent or null.
  public String text(String key, String fallback) {
    return has(key) ? text(key) : fallback;
  }

  /// An object, or nothing where the key is absent or null; errors within name it as `key.inner`.
  public Optional<ModelConfig> object(String key) {
    throw new UnsupportedOperationException("not yet: " + key);
  }

  /// The objects of an array that must be there; errors within name them as `key[i].inner`.
  public List<ModelConfig> objects(String key) {
    throw new UnsupportedOperationException("not yet: " + key);
  }

  /// The numbers of an array that must be there.
  public List<Double> numbers(String key) {
    throw new UnsupportedOperationException("not yet: " + key);
  }

  /// The strings of an array, or none where the key is absent or null.
  public List<String> texts(String key) {
    throw new UnsupportedOperationException("not yet: " + key);
  }

  /// An error at a key: `file: "key": message`.
  public CheckpointException wrong(String key, String message) {
    return new CheckpointException("%s: \"%s\": %s".formatted(file, key, message));
  }
}
