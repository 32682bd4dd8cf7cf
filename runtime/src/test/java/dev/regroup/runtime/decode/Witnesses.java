package dev.regroup.runtime.decode;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Objects;

/// The tiny random models of the witness.
final class Witnesses {
  private Witnesses() {}

  static Checkpoint open(String name) {
    try {
      var resource = Objects.requireNonNull(Witnesses.class.getResource("/witness/" + name));
      return Checkpoints.open(Path.of(resource.toURI()));
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }
}
