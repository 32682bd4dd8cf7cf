package dev.regroup.formats.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Thousands of damaged files in every build, always the same ones, held to what {@link
/// ReaderFuzzTest} demands.
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class MutationTest {
  @TempDir Path folder;

  @Test
  void damagedHeadersAreReadSoundlyOrRefused() {
    List<byte[]> seeds = FuzzSeeds.headers().toList();
    for (int i = 0; i < 4000; i++) {
      Random random = new Random(i);
      byte[] file = FuzzSeeds.mutated(seeds.get(i % seeds.size()), random);
      // Every other time the length is put right again, or hardly any mutant would get past it.
      if (file.length >= 8 && i % 2 == 0) {
        file = withLength(file, Math.max(0, file.length - 8 - random.nextInt(20)));
      }
      ReaderFuzzTest.checkHeader(file);
    }
  }

  @Test
  void damagedFilesAreReadSoundlyOrRefused() throws IOException {
    List<byte[]> seeds = FuzzSeeds.headers().toList();
    Path file = folder.resolve("model.safetensors");
    for (int i = 0; i < 300; i++) {
      Files.write(file, FuzzSeeds.mutated(seeds.get(i % seeds.size()), new Random(i)));
      assertThat(Outcome.ofOpening(file)).isNotEmpty();
    }
  }

  @Test
  void damagedIndexesAreReadSoundlyOrRefused() {
    List<byte[]> seeds = FuzzSeeds.indexes().toList();
    for (int i = 0; i < 3000; i++) {
      byte[] mutant = FuzzSeeds.mutated(seeds.get(i % seeds.size()), new Random(i));
      ReaderFuzzTest.checkIndex(new String(mutant, StandardCharsets.UTF_8));
    }
  }

  @Test
  void damagedConfigsAreReadSoundlyOrRefused() throws IOException {
    List<byte[]> seeds = FuzzSeeds.configs().toList();
    Path file = folder.resolve("config.json");
    for (int i = 0; i < 1000; i++) {
      Files.write(file, FuzzSeeds.mutated(seeds.get(i % seeds.size()), new Random(i)));
      ReaderFuzzTest.checkConfig(file);
    }
  }

  private static byte[] withLength(byte[] file, int length) {
    byte[] copy = file.clone();
    for (int i = 0; i < 8; i++) {
      copy[i] = (byte) ((long) length >>> (8 * i));
    }
    return copy;
  }
}
