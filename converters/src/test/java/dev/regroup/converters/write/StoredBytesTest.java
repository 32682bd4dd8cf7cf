package dev.regroup.converters.write;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class StoredBytesTest {
  @TempDir private Path folder = Path.of("");

  @Test
  void countsNoHoles() {
    Path sparse = folder.resolve("sparse");
    Fixtures.writeLarge("deepseek-coder-v2-236b-headers", sparse, 1, 1, 16, false);
    try (Checkpoint source = Checkpoints.open(sparse)) {
      long bytes = source.shards().stream().mapToLong(Checkpoint.Shard::bytes).sum();
      long stored = StoredBytes.of(source);
      assumeTrue(stored < bytes, "this file system keeps no holes");
      assertThat(bytes).isGreaterThan(2_000_000_000L);
      assertThat(stored).isBetween(1L, 1_000_000L);
    }
  }

  @Test
  void countsEverythingElse() {
    Path dense = folder.resolve("dense");
    Fixtures.write("llama-gqa", dense, 1, 2);
    try (Checkpoint source = Checkpoints.open(dense)) {
      long bytes = source.shards().stream().mapToLong(Checkpoint.Shard::bytes).sum();
      assertThat(StoredBytes.of(source)).isEqualTo(bytes);
    }
  }
}
