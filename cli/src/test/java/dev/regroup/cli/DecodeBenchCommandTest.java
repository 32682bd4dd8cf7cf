package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.cli.bench.DecodeText;
import dev.regroup.runtime.cuda.decode.DecodeBench;
import dev.regroup.runtime.cuda.decode.DecodeBench.Case;
import dev.regroup.runtime.cuda.decode.DecodeBench.Result;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class DecodeBenchCommandTest {
  private static final Case GTA = new Case(DecodeBench.SUBJECTS.get(1), 64, 8192, 1);

  @Test
  void namesTheLayoutsThereAre() {
    Run run = Run.of("bench", "decode", "--layout", "gqa,gla");
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.errLines())
        .containsExactly(
            "regroup bench decode: --layout: expected one of gqa, gta, mla, gla-2, mla-rank,"
                + " gla-8-rank, gqa-64, gta-64, found \"gla\" -> see regroup bench decode --help");
  }

  @Test
  void asksForPositiveSizes() {
    Run run = Run.of("bench", "decode", "--batch", "1,0");
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.errLines())
        .containsExactly(
            "regroup bench decode: --batch: expected at least 1, found 0"
                + " -> see regroup bench decode --help");
  }

  @Test
  void relatesATimeToTheBytesThatMustMove() {
    var result = new Result(GTA, "decode_x", 128, 7, 300e-6, 1.2e9, 1.5e10, Optional.empty());
    assertThat(DecodeText.line(result, 5e12))
        .isEqualTo(
            "| GTA | 64 | 8192 | 1 | 300.0 | 4000 | 80.0 % | 50.0 | decode_x, 128 parts, 7 merged"
                + " |");
  }

  @Test
  void saysWhatWasSkippedAndWhy() {
    var result = new Result(GTA, "", 0, 0, 0, 1, 1, Optional.of("too large"));
    assertThat(DecodeText.line(result, 5e12))
        .isEqualTo("| GTA | 64 | 8192 | 1 | | | | | skipped: too large |");
  }
}
