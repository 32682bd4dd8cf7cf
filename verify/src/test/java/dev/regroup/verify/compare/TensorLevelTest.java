package dev.regroup.verify.compare;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.Progress;
import dev.regroup.verify.report.TensorFindings;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorLevelTest {
  private static final String MLP = "model.layers.0.mlp.down_proj.weight";
  private static final String ATTENTION = "model.layers.0.self_attn.q_proj.weight";

  @TempDir private Path folder;

  @Test
  void findsOneByteThatDiffersInAFile() throws IOException {
    write("source");
    write("target");
    flipLastByteOf(MLP);
    TensorFindings found = examine();
    assertThat(found.different()).containsExactly(MLP);
    assertThat(found.missing()).isEmpty();
    assertThat(found.attentionChanged()).isZero();
  }

  @Test
  void allowsAttentionToChange() throws IOException {
    write("source");
    write("target");
    flipLastByteOf(ATTENTION);
    TensorFindings found = examine();
    assertThat(found.different()).isEmpty();
    assertThat(found.attentionChanged()).isEqualTo(1);
  }

  @Test
  void countsTheBytesItFoundTheSame() throws IOException {
    write("source");
    write("target");
    TensorFindings found = examine();
    try (Checkpoint source = Checkpoints.open(folder.resolve("source"))) {
      long bytes =
          source.infos().stream()
              .filter(info -> !info.name().contains("self_attn"))
              .mapToLong(info -> info.bytes())
              .sum();
      assertThat(found.identicalBytes()).isEqualTo(bytes);
      assertThat(found.identical() + found.attentionKept()).isEqualTo(source.infos().size());
    }
  }

  private void write(String name) {
    Fixtures.write("llama-gqa", folder.resolve(name), 3);
  }

  private void flipLastByteOf(String tensor) throws IOException {
    try (Checkpoint target = Checkpoints.open(folder.resolve("target"))) {
      Checkpoint.Location place = target.locate(tensor);
      try (var file = new RandomAccessFile(place.file().toFile(), "rw")) {
        file.seek(place.offset() + place.bytes() - 1);
        int last = file.read();
        file.seek(place.offset() + place.bytes() - 1);
        file.write(last ^ 1);
      }
    }
  }

  private TensorFindings examine() {
    try (Checkpoint source = Checkpoints.open(folder.resolve("source"));
        Checkpoint target = Checkpoints.open(folder.resolve("target"))) {
      return TensorLevel.examine(subject(source), subject(target), Progress.NONE);
    }
  }

  private static Subject subject(Checkpoint checkpoint) {
    return new Subject("model", Checkpoints.describe(checkpoint), checkpoint);
  }
}
