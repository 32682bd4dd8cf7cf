package dev.regroup.converters.write;

import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.manifest.Sha256;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// What a journal is of. Work is reused only where all of it is the same.
///
/// @param toolVersion of Regroup
/// @param source absolute path of the source, for `merge`; not compared
/// @param sourceFiles every file of the source, with its time
/// @param options everything that was asked for and decides the output's bytes
/// @param plan SHA-256 of every output tensor's name, dtype, shape and file
public record JournalHeader(
    String toolVersion,
    String source,
    List<SourceFile> sourceFiles,
    ObjectNode options,
    String plan) {
  /// A file of the source.
  ///
  /// @param modified in nanoseconds since 1970
  public record SourceFile(String name, long bytes, long modified) {}

  public JournalHeader {
    sourceFiles = List.copyOf(sourceFiles);
  }

  /// What of another header is not the same, in words; empty where everything is.
  public Optional<String> difference(JournalHeader other) {
    if (!toolVersion.equals(other.toolVersion)) {
      return Optional.of(
          "version of Regroup (%s, here %s)".formatted(other.toolVersion, toolVersion));
    }
    if (!sourceFiles.equals(other.sourceFiles)) {
      return Optional.of("source, or the same source before it changed");
    }
    // as text: a number read is of another class than the same number put
    if (!options.toString().equals(other.options.toString())) {
      return Optional.of("set of options");
    }
    return plan.equals(other.plan) ? Optional.empty() : Optional.of("plan");
  }

  /// SHA-256 of everything that decides the output's bytes, but for the bytes and times of the
  /// source: its names and sizes stand for it.
  public String fingerprint() {
    StringBuilder text = new StringBuilder(toolVersion).append('\n').append(options).append('\n');
    sourceFiles.forEach(
        file -> text.append(file.name()).append(' ').append(file.bytes()).append('\n'));
    return Sha256.of(text.append(plan).toString().getBytes(StandardCharsets.UTF_8));
  }

  ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("tool_version", toolVersion).put("source", source).put("plan", plan);
    json.set("options", options);
    ArrayNode files = json.putArray("source_files");
    for (SourceFile file : sourceFiles) {
      // times as text: JSON numbers keep 53 bits
      files
          .addObject()
          .put("name", file.name())
          .put("bytes", file.bytes())
          .put("modified", Long.toString(file.modified()));
    }
    return json;
  }

  static JournalHeader read(ModelConfig json) {
    return new JournalHeader(
        json.text("tool_version"),
        json.text("source"),
        json.objects("source_files").stream()
            .map(
                file ->
                    new SourceFile(
                        file.text("name"),
                        (long) file.number("bytes"),
                        Long.parseLong(file.text("modified"))))
            .toList(),
        json.object("options").map(ModelConfig::copy).orElseThrow(),
        json.text("plan"));
  }
}
