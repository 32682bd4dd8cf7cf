package dev.regroup.formats.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class WrittenRangesTest {
  @Test
  void agreesWithASetOfBits() {
    for (int seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      WrittenRanges ranges = new WrittenRanges();
      BitSet bits = new BitSet();
      for (int i = 0; i < 60; i++) {
        int begin = random.nextInt(40);
        int end = begin + random.nextInt(5);
        boolean free = bits.get(begin, end).isEmpty();
        assertThat(ranges.take(begin, end)).isEqualTo(free);
        if (free) {
          bits.set(begin, end);
        }
        assertThat(ranges.covers(begin, end))
            .isEqualTo(bits.get(begin, end).cardinality() == end - begin);
        int other = random.nextInt(40);
        assertThat(ranges.covers(other, other + 6))
            .isEqualTo(bits.get(other, other + 6).cardinality() == 6);
      }
    }
  }
}
