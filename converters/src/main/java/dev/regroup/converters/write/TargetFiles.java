package dev.regroup.converters.write;

import dev.regroup.formats.safetensors.SafetensorsWriter;
import dev.regroup.formats.safetensors.ShardIndex;
import dev.regroup.formats.safetensors.ShardPlan;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The files of an output that hold tensors, all open at once: tensors come in any order.
public final class TargetFiles implements AutoCloseable {
  private static final Map<String, String> METADATA = Map.of("format", "pt");

  private final Path directory;
  private final ShardPlan plan;
  private final List<SafetensorsWriter> writers = new ArrayList<>();
  private final Map<String, SafetensorsWriter> byTensor = new HashMap<>();

  private TargetFiles(Path directory, ShardPlan plan) {
    this.directory = directory;
    this.plan = plan;
  }

  /// Creates every file and writes its header.
  public static TargetFiles create(Path directory, ShardPlan plan) {
    TargetFiles files = new TargetFiles(directory, plan);
    try {
      for (ShardPlan.PlannedFile file : plan.files()) {
        SafetensorsWriter writer =
            SafetensorsWriter.create(directory.resolve(file.name()), file.tensors(), METADATA);
        files.writers.add(writer);
        for (TensorInfo tensor : file.tensors()) {
          files.byTensor.put(tensor.name(), writer);
        }
      }
      return files;
    } catch (RuntimeException e) {
      files.close();
      throw e;
    }
  }

  /// The file that holds a tensor.
  public SafetensorsWriter writer(String tensor) {
    SafetensorsWriter writer = byTensor.get(tensor);
    if (writer == null) {
      throw new IllegalArgumentException("no planned tensor \"" + tensor + "\"");
    }
    return writer;
  }

  /// Declares every file complete, syncs them, and writes the index where there are several.
  public void finish() {
    writers.forEach(SafetensorsWriter::finish);
    if (plan.indexed()) {
      Path index = directory.resolve(ShardIndex.FILE);
      try {
        Files.writeString(index, ShardIndex.render(plan));
      } catch (IOException e) {
        throw new UncheckedIOException(index + ": could not be written: " + e.getMessage(), e);
      }
    }
  }

  @Override
  public void close() {
    writers.forEach(SafetensorsWriter::close);
  }
}
