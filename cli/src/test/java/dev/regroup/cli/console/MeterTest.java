package dev.regroup.cli.console;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

final class MeterTest {
  private final StringWriter written = new StringWriter();
  private long now;

  private Meter meter(Terminal terminal) {
    return new Meter(new PrintWriter(written), terminal, () -> now);
  }

  private void pass(double seconds) {
    now += (long) (seconds * 1e9);
  }

  @Test
  void writesALineAtMostEveryFiveSecondsIntoAPipe() {
    Meter meter = meter(Terminal.NONE);
    meter.begin("converting", 100);
    for (int done = 1; done <= 100; done++) {
      pass(1);
      meter.advance(done, "layer " + done);
    }
    assertThat(written.toString().lines())
        .startsWith(
            "converting: 0 of 100", "converting: 10 of 100, 1.00/s, 1 min 30 s left, layer 10")
        .endsWith("converting: 100 in 1 min 40 s, layer 100")
        .hasSize(11);
    assertThat(written.toString()).doesNotContain("\r");
  }

  @Test
  void saysNothingBetweenBeginAndEndOfAQuickStage() {
    Meter meter = meter(Terminal.NONE);
    meter.begin("copying", 3);
    for (int done = 1; done <= 3; done++) {
      pass(0.1);
      meter.advance(done, "");
    }
    assertThat(written.toString().lines())
        .containsExactly("copying: 0 of 3", "copying: 3 in 0.3 s");
  }

  @Test
  void redrawsOneLineOnATerminalAndCutsItToItsWidth() {
    Meter meter = meter(new Terminal(true, 60));
    meter.begin("converting", 4);
    pass(2);
    meter.advance(2, "a detail that is longer than the line could ever hold");
    String[] drawn = written.toString().split("\r\033\\[K", -1);
    assertThat(drawn[drawn.length - 1])
        .startsWith("converting [############............] 2 of 4, 1.00/s, 2.0 s")
        .hasSizeLessThan(60)
        .doesNotContain("\n");
  }

  @Test
  void takesTheBarAwayBeforeSomethingElseIsPrinted() {
    Meter meter = meter(new Terminal(true, 80));
    meter.begin("converting", 4);
    meter.clear();
    assertThat(written.toString()).endsWith("\r\033[K");
  }
}
