package dev.regroup.formats.manifest;

import dev.regroup.formats.checkpoint.ModelConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// A `regroup.manifest.json`: what a complete output consists of, itself apart. No times and no
/// paths of a machine are in it, so that equal conversions have equal manifests.
///
/// ```json
/// {
///   "manifest_version": 1,
///   "tool_version": "0.2.0",
///   "plan": "3b1f...",
///   "source": [{"name": "model.safetensors", "bytes": 123}],
///   "files": [{"name": "config.json", "bytes": 45, "sha256": "9a2c..."}]
/// }
/// ```
///
/// @param toolVersion of Regroup
/// @param plan fingerprint of everything that decides the output's bytes, but for the source's
/// @param source names and sizes of the source's files that hold tensors
/// @param files of the output, sorted by name
public record Manifest(
    String toolVersion, String plan, List<SourceFile> source, List<OutputFile> files) {
  /// The name of a manifest in an output.
  public static final String FILE = "regroup.manifest.json";

  private static final int VERSION = 1;

  /// A file of the source.
  public record SourceFile(String name, long bytes) {}

  /// A file of the output.
  ///
  /// @param name relative to the output, with `/` between folders
  /// @param sha256 in lower-case hexadecimal digits
  public record OutputFile(String name, long bytes, String sha256) {}

  public Manifest {
    source = List.copyOf(source);
    files = files.stream().sorted(Comparator.comparing(OutputFile::name)).toList();
  }

  /// The manifest of a directory, where it has one.
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where it is no manifest
  public static Optional<Manifest> find(Path directory) {
    Path file = directory.resolve(FILE);
    return Files.exists(file) ? Optional.of(read(file)) : Optional.empty();
  }

  private static Manifest read(Path file) {
    ModelConfig json = ModelConfig.read(file);
    int version = json.integer("manifest_version");
    if (version != VERSION) {
      throw json.wrong(
          "manifest_version",
          "expected %d, found %d -> use the version of Regroup that wrote it"
              .formatted(VERSION, version));
    }
    return new Manifest(
        json.text("tool_version"),
        json.text("plan"),
        json.objects("source").stream()
            .map(entry -> new SourceFile(entry.text("name"), bytes(entry)))
            .toList(),
        json.objects("files").stream().map(Manifest::file).toList());
  }

  private static OutputFile file(ModelConfig entry) {
    String name = entry.text("name");
    Path path = Path.of(name);
    if (name.isEmpty() || path.isAbsolute() || !path.normalize().equals(path)) {
      throw entry.wrong("name", "expected a name inside the directory");
    }
    if (path.startsWith("..")) {
      throw entry.wrong("name", "expected a name inside the directory, found one that leads out");
    }
    return new OutputFile(name, bytes(entry), entry.text("sha256"));
  }

  private static long bytes(ModelConfig entry) {
    return (long) entry.number("bytes");
  }

  /// The text of the manifest.
  public String render() {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("manifest_version", VERSION).put("tool_version", toolVersion).put("plan", plan);
    ArrayNode sources = root.putArray("source");
    source.forEach(file -> sources.addObject().put("name", file.name()).put("bytes", file.bytes()));
    ArrayNode outputs = root.putArray("files");
    files.forEach(
        file ->
            outputs
                .addObject()
                .put("name", file.name())
                .put("bytes", file.bytes())
                .put("sha256", file.sha256()));
    return ModelConfig.render(root);
  }
}
