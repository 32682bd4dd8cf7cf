package dev.regroup.converters.write;

import dev.regroup.formats.architecture.AttentionJson;
import dev.regroup.formats.disk.Disk;
import dev.regroup.formats.disk.DiskFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalDouble;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// What a run has finished so far, one line of JSON each, forced to the disk before the run goes on
/// (but for layers that are cheap to convert again: to force a line, a disk may first write all else
/// that waits): the header, then layers, files, and the intent to commit. A last line without an end was cut off
/// by a kill and does not count. Safe for use by several threads.
final class Journal implements AutoCloseable {
  static final String VERSION = "regroup_journal";

  private final DiskFile file;
  private final Content content;
  private long end;
  private volatile boolean added;

  private Journal(DiskFile file, Content content, long end) {
    this.file = file;
    this.content = content;
    this.end = end;
  }

  /// What a journal says.
  ///
  /// @param layers by index
  /// @param files by name
  /// @param commit hash of the manifest that was about to be committed, or empty
  /// @param bytes of whole lines
  record Content(
      JournalHeader header,
      Map<Integer, FinishedLayer> layers,
      Map<String, FinishedFile> files,
      String commit,
      long bytes) {
    private boolean worth() {
      return !layers.isEmpty() || !files.isEmpty();
    }

    /// Bytes of the files that are finished.
    long bytesOfFiles() {
      return files.values().stream().mapToLong(FinishedFile::bytes).sum();
    }
  }

  /// Begins a journal.
  static Journal create(Disk disk, Path path, JournalHeader header) {
    DiskFile file = disk.create(path);
    Journal journal =
        new Journal(file, new Content(header, new HashMap<>(), new HashMap<>(), "", 0), 0);
    ObjectNode line = JsonNodeFactory.instance.objectNode();
    line.put(VERSION, 1);
    line.setAll(header.json());
    journal.append(line);
    return journal;
  }

  /// Goes on with a journal that {@link JournalReader} read.
  static Journal reopen(Disk disk, Path path, Content content) {
    DiskFile file = disk.open(path);
    file.resize(content.bytes());
    return new Journal(file, content, content.bytes());
  }

  /// What was finished before this run.
  Content before() {
    return content;
  }

  /// Whether it holds work that a later run would be glad of. Waits for nobody: it is asked when the
  /// process ends.
  boolean worth() {
    return added || content.worth();
  }

  /// @param forced whether it must survive a power failure; a process that is killed loses nothing
  void add(FinishedLayer layer, boolean forced) {
    ObjectNode line = JsonNodeFactory.instance.objectNode();
    line.put("layer", layer.layer());
    line.set("attention", AttentionJson.write(layer.spec()));
    ObjectNode report = line.putObject("report");
    // as text: JSON knows no NaN
    report.put("predicted", Double.toString(layer.report().predictedError()));
    put(report, "measured", layer.report().measuredError());
    put(report, "closed_form", layer.report().closedFormError());
    layer
        .report()
        .fit()
        .ifPresent(
            fit ->
                report
                    .putObject("fit")
                    .put("best_step", fit.bestStep())
                    .put("before", Double.toString(fit.before()))
                    .put("after", Double.toString(fit.after()))
                    .put("ending", fit.ending().name()));
    ObjectNode requantized = report.putObject("requantized");
    layer
        .report()
        .requantized()
        .forEach((tensor, error) -> requantized.put(tensor, Double.toString(error)));
    ObjectNode hashes = line.putObject("sha256");
    layer.hashes().forEach(hashes::put);
    append(line, forced);
    added = true;
  }

  private static void put(ObjectNode report, String key, OptionalDouble error) {
    error.ifPresent(value -> report.put(key, Double.toString(value)));
  }

  void add(FinishedFile finished) {
    ObjectNode line = JsonNodeFactory.instance.objectNode();
    line.put("file", finished.name());
    line.put("bytes", finished.bytes());
    line.put("sha256", finished.sha256());
    append(line);
    added = true;
  }

  /// Says that a whole output is about to take the target's name.
  ///
  /// @param manifest hash of its manifest
  void commit(String manifest) {
    append(JsonNodeFactory.instance.objectNode().put("commit", manifest));
  }

  private void append(ObjectNode line) {
    append(line, true);
  }

  private synchronized void append(ObjectNode line, boolean forced) {
    byte[] bytes = (line + "\n").getBytes(StandardCharsets.UTF_8);
    file.write(end, ByteBuffer.wrap(bytes));
    if (forced) {
      file.force();
    }
    end += bytes.length;
  }

  @Override
  public void close() {
    file.close();
  }
}
