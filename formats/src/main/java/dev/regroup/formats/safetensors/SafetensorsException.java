package dev.regroup.formats.safetensors;

import dev.regroup.formats.checkpoint.CheckpointException;
import java.nio.file.Path;

/// A file breaks a rule of the safetensors format.
public final class SafetensorsException extends CheckpointException {
  private static final long serialVersionUID = 1;

  private final SafetensorsFault fault;

  SafetensorsException(Path file, SafetensorsFault fault, String message) {
    super(file + ": " + message);
    this.fault = fault;
  }

  /// The rule that is broken.
  public SafetensorsFault fault() {
    return fault;
  }
}
