package dev.regroup.formats.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class QuotedTest {
  @Test
  void keepsOneLineWhateverTheNameHolds() {
    assertThat(Quoted.of("a\nb\u001b[31m")).isEqualTo("\"a\\u000ab\\u001b[31m\"");
    assertThat(Quoted.of("half \ud800")).isEqualTo("\"half \\ud800\"");
    assertThat(Quoted.of("whole 😀")).isEqualTo("\"whole 😀\"");
    assertThat(Quoted.of("x".repeat(70_000))).hasSize(205).endsWith("x...\"");
  }
}
