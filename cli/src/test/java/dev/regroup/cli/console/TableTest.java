package dev.regroup.cli.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

final class TableTest {
  @Test
  void alignsWordsLeftAndNumbersRight() {
    var table = new Table("name", "size").row("a", "1.00 kB").row("longer", "12 B").row("short");
    assertThat(table.lines())
        .containsExactly("  name       size", "  a       1.00 kB", "  longer     12 B", "  short");
  }

  @Test
  void refusesARowThatIsTooLong() {
    assertThatThrownBy(() -> new Table("one").row(1, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("expected at most 1 cells, found 2");
  }
}
