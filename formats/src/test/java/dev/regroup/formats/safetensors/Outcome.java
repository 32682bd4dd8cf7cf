package dev.regroup.formats.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import java.nio.file.Path;

/// What came of opening a file: `OK`, or the name of the rule that it breaks.
final class Outcome {
  private Outcome() {}

  static String ofOpening(Path file) {
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      return checkpoint.path().equals(file) ? "OK" : "another path";
    } catch (SafetensorsException e) {
      assertThat(e).hasMessageStartingWith(file + ": ");
      assertThat(e.getMessage()).hasSizeLessThan(1000).doesNotContain("\n");
      return e.fault().name();
    }
  }
}
