package dev.regroup.converters.write;

import dev.regroup.converters.report.FitOutcome;
import dev.regroup.converters.report.LayerReport;
import dev.regroup.formats.architecture.AttentionJson;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.checkpoint.ModelConfig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// Reads what an earlier run wrote into its {@link Journal}.
final class JournalReader {
  private final Path path;
  private @Nullable JournalHeader header;
  private final Map<Integer, FinishedLayer> layers = new HashMap<>();
  private final Map<String, FinishedFile> files = new HashMap<>();
  private String commit = "";

  private JournalReader(Path path) {
    this.path = path;
  }

  /// Reads a journal; empty where not even its header is whole.
  ///
  /// @throws CheckpointException where it is no journal
  static Optional<Journal.Content> read(Path path) {
    try {
      String text = Files.readString(path);
      return new JournalReader(path).parse(text.substring(0, text.lastIndexOf('\n') + 1));
    } catch (JacksonException e) {
      throw new CheckpointException(
          path + ": expected a journal of Regroup, found other text -> start over with --restart",
          e);
    } catch (IOException e) {
      throw DiskFailure.at(path, e);
    }
  }

  private Optional<Journal.Content> parse(String text) {
    for (String line : text.lines().toList()) {
      if (!(JsonMapper.shared().readTree(line) instanceof ObjectNode object)) {
        throw new CheckpointException(
            path + ": expected JSON objects, found other JSON -> start over with --restart");
      }
      read(ModelConfig.of(path, object));
    }
    long bytes = text.getBytes(StandardCharsets.UTF_8).length;
    return Optional.ofNullable(header)
        .map(first -> new Journal.Content(first, layers, files, commit, bytes));
  }

  private void read(ModelConfig json) {
    if (header == null) {
      if (json.integer(Journal.VERSION) != 1) {
        throw json.wrong(Journal.VERSION, "expected 1 -> start over with --restart");
      }
      header = JournalHeader.read(json);
    } else if (json.has("layer")) {
      FinishedLayer layer = layer(json);
      layers.put(layer.layer(), layer);
    } else if (json.has("file")) {
      String name = json.text("file");
      files.put(name, new FinishedFile(name, (long) json.number("bytes"), json.text("sha256")));
    } else {
      commit = json.text("commit");
    }
  }

  private static FinishedLayer layer(ModelConfig json) {
    int index = json.integer("layer");
    ModelConfig report = json.object("report").orElseThrow();
    ModelConfig hashes = json.object("sha256").orElseThrow();
    var byName = new TreeMap<String, String>();
    hashes.copy().propertyNames().forEach(name -> byName.put(name, hashes.text(name)));
    var requantized = new TreeMap<String, Double>();
    report
        .object("requantized")
        .ifPresent(
            errors ->
                errors
                    .copy()
                    .propertyNames()
                    .forEach(name -> requantized.put(name, Double.parseDouble(errors.text(name)))));
    return new FinishedLayer(
        index,
        AttentionJson.read(json.object("attention").orElseThrow()),
        new LayerReport(
            index,
            Double.parseDouble(report.text("predicted")),
            optional(report, "measured"),
            optional(report, "closed_form"),
            report.object("fit").map(JournalReader::fit),
            requantized),
        byName);
  }

  private static FitOutcome fit(ModelConfig json) {
    return new FitOutcome(
        json.integer("best_step"),
        Double.parseDouble(json.text("before")),
        Double.parseDouble(json.text("after")),
        FitOutcome.Ending.valueOf(json.text("ending")));
  }

  private static OptionalDouble optional(ModelConfig report, String key) {
    return report.has(key)
        ? OptionalDouble.of(Double.parseDouble(report.text(key)))
        : OptionalDouble.empty();
  }
}
