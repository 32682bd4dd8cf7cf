package dev.regroup.formats.checkpoint;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// A `config.json` with typed look-ups whose errors name file, key and what was found.
public final class ModelConfig {
  private final Path file;
  private final String prefix;
  private final ObjectNode root;

  private ModelConfig(Path file, String prefix, ObjectNode root) {
    this.file = file;
    this.prefix = prefix;
    this.root = root;
  }

  /// A config already parsed.
  ///
  /// @param file named in errors
  public static ModelConfig of(Path file, ObjectNode root) {
    return new ModelConfig(file, "", root);
  }

  /// Reads a `config.json`.
  ///
  /// @throws CheckpointException where it is missing, not JSON, or has a key twice
  public static ModelConfig read(Path file) {
    return of(file, ConfigJson.read(file));
  }

  /// Reads a `config.json` that may lie in an archive.
  ///
  /// @throws CheckpointException where it is not JSON, or has a key twice
  public static ModelConfig read(ModelFile file) {
    return of(file.name(), ConfigJson.read(file));
  }

  /// Reads the text of a config.
  ///
  /// @param file named in errors
  /// @throws CheckpointException where it is not JSON, or has a key twice
  public static ModelConfig parse(Path file, String text) {
    return of(file, ConfigJson.parse(file, text));
  }

  /// Writes a config as Python's `json.dumps(indent=2)` would lay it out, keys in their order, a
  /// line feed at the end, and forces it to the disk.
  ///
  /// @param file must not exist
  /// @throws java.io.UncheckedIOException where it cannot be written
  public static void write(Path file, ObjectNode root) {
    ConfigJson.write(file, root);
  }

  /// The text that {@link #write} writes.
  public static String render(ObjectNode root) {
    return ConfigJson.render(root);
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
    return integer(key, require(key, "an integer"));
  }

  /// An integer, or `fallback` where the key is absent or null.
  public int integer(String key, int fallback) {
    return has(key) ? integer(key) : fallback;
  }

  /// The integers of an array that must be there.
  public List<Integer> integers(String key) {
    return elements(key, "an array of integers", this::integer);
  }

  /// A number that must be there.
  public double number(String key) {
    return number(key, require(key, "a number"));
  }

  /// A number, or `fallback` where the key is absent or null.
  public double number(String key, double fallback) {
    return has(key) ? number(key) : fallback;
  }

  /// A boolean, or `fallback` where the key is absent or null.
  public boolean flag(String key, boolean fallback) {
    if (!has(key)) {
      return fallback;
    }
    return check(key, root.get(key), "true or false", JsonNode::isBoolean).booleanValue();
  }

  /// A string that must be there.
  public String text(String key) {
    return text(key, require(key, "a string"));
  }

  /// A string, or `fallback` where the key is absent or null.
  public String text(String key, String fallback) {
    return has(key) ? text(key) : fallback;
  }

  /// An object, or nothing where the key is absent or null; errors within name it as `key.inner`.
  public Optional<ModelConfig> object(String key) {
    return has(key) ? Optional.of(object(key, root.get(key))) : Optional.empty();
  }

  /// The objects of an array that must be there; errors within name them as `key[i].inner`.
  public List<ModelConfig> objects(String key) {
    return elements(key, "an array of objects", this::object);
  }

  /// The numbers of an array that must be there.
  public List<Double> numbers(String key) {
    return elements(key, "an array of numbers", this::number);
  }

  /// The strings of an array, or none where the key is absent or null.
  public List<String> texts(String key) {
    return has(key) ? elements(key, "an array of strings", this::text) : List.of();
  }

  /// An error at a key: `file: "key": message`.
  public CheckpointException wrong(String key, String message) {
    return new CheckpointException("%s: %s: %s".formatted(file, Quoted.of(prefix + key), message));
  }

  private int integer(String key, JsonNode node) {
    check(key, node, "an integer", JsonNode::isIntegralNumber);
    return check(key, node, "an integer within 32 bits", JsonNode::canConvertToInt).intValue();
  }

  private double number(String key, JsonNode node) {
    return check(key, node, "a number", JsonNode::isNumber).doubleValue();
  }

  private String text(String key, JsonNode node) {
    return check(key, node, "a string", JsonNode::isString).stringValue();
  }

  private ModelConfig object(String key, JsonNode node) {
    check(key, node, "an object", JsonNode::isObject);
    return new ModelConfig(file, prefix + key + ".", (ObjectNode) node);
  }

  private <T> List<T> elements(String key, String what, ElementReader<T> reader) {
    JsonNode array = check(key, require(key, what), what, JsonNode::isArray);
    List<T> all = new ArrayList<>(array.size());
    for (int i = 0; i < array.size(); i++) {
      all.add(reader.read("%s[%d]".formatted(key, i), array.get(i)));
    }
    return List.copyOf(all);
  }

  private JsonNode require(String key, String what) {
    JsonNode node = root.get(key);
    if (node == null) {
      throw wrong(key, "expected " + what + ", found nothing: the key is missing");
    }
    return node;
  }

  private JsonNode check(String key, JsonNode node, String what, Predicate<JsonNode> test) {
    if (!test.test(node)) {
      throw wrong(key, "expected %s, found %s".formatted(what, Quoted.line(node.toString())));
    }
    return node;
  }

  private interface ElementReader<T> {
    T read(String key, JsonNode node);
  }
}
