package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.fixtures.Fixtures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// The verdict as an exit code, and reports where they were asked for.
final class VerifyCommandTest {
  @TempDir private Path folder;
  private Path source = Path.of("");
  private Path target = Path.of("");
  private Path text = Path.of("");

  @BeforeEach
  void convertAModel() throws IOException {
    source = folder.resolve("source");
    target = folder.resolve("target");
    text = folder.resolve("text.txt");
    Fixtures.write("llama-gqa", source, 1);
    Files.writeString(
        text, "Held out, and never seen before by anybody who could learn. ".repeat(80));
    assertThat(Run.of("convert", source, target, "--to", "gta", "-q").exitCode()).isZero();
  }

  @Test
  void reportsWithoutJudgingWhereNoThresholdIsGiven() {
    Run run = Run.of("verify", source, target, "--text", text, "--tokens", "2K", "--json");
    assertThat(run.exitCode()).as(run.err()).isZero();
    JsonNode json = run.json();
    assertThat(json.at("/verdict").asString()).isEqualTo("PASS");
    for (String key :
        new String[] {
          "/source/perplexity",
          "/target/perplexity",
          "/perplexity_ratio/standard_error",
          "/perplexity_ratio/upper",
          "/kl/mean",
          "/kl/percentiles/99",
          "/top1/value",
          "/cache/source_bytes_per_token",
          "/cache/target_bytes_per_token",
          "/decode/max_difference_from_prefill/target",
          "/controls/identity/max_kl"
        }) {
      assertThat(json.at(key).isNumber()).as(key).isTrue();
    }
  }

  @Test
  void saysInOneLineThatTheDeviceAskedForIsNotHere() {
    Run run = Run.of("verify", source, target, "--device", "cuda:999", "-q");
    assertThat(run.exitCode()).isEqualTo(ExitCode.NO_DEVICE);
    assertThat(run.out()).isEmpty();
    assertThat(run.errLines()).singleElement().asString().startsWith("regroup: cuda");
  }

  @Test
  void saysWhatItRanOn() {
    Run run = Run.of("verify", source, target, "--device", "cpu", "--level", "tensors", "--json");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.json().at("/device/kind").asString()).isEqualTo("cpu");
    assertThat(run.json().at("/device/reason").asString()).isEqualTo("asked for");
    assertThat(run.json().at("/device/peak_bytes").isNull()).isTrue();
    assertThat(run.json().at("/speed").isNull()).isTrue();
    assertThat(run.err()).contains("device: ");
  }

  @Test
  void failsWhereAThresholdIsMissed() {
    Run run =
        Run.of("verify", source, target, "--text", text, "--tokens", "2K", "--max-kl", "1e-9");
    assertThat(run.exitCode()).isEqualTo(ExitCode.NOT_GOOD_ENOUGH);
    assertThat(run.out()).startsWith("FAIL: ");
  }

  @Test
  void isInconclusiveWhereAThresholdCannotBeChecked() {
    Run run = Run.of("verify", source, target, "--max-kl", "0.1", "-q");
    assertThat(run.exitCode()).isEqualTo(ExitCode.INCONCLUSIVE);
    assertThat(run.out()).startsWith("INCONCLUSIVE: ");
  }

  @Test
  void leavesReportsWhereAsked() {
    Path reports = folder.resolve("a/b");
    Run run = Run.of("verify", source, target, "--level", "tensors", "--report", reports, "-q");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(reports.resolve("report.json")).content().startsWith("{");
    assertThat(reports.resolve("report.html")).content().startsWith("<!DOCTYPE html>");
    assertThat(reports.resolve("junit.xml")).content().contains("<testsuite");
  }

  @Test
  void refusesModelsThatAreNotOfOneKind() {
    Path other = folder.resolve("other");
    Fixtures.write("qwen3", other, 1);
    Run run = Run.of("verify", source, other, "-q");
    assertThat(run.exitCode()).isEqualTo(ExitCode.UNSUPPORTED);
    assertThat(run.errLines()).hasSize(1);
    assertThat(run.out()).isEmpty();
  }

  @Test
  void refusesAThresholdThatIsNoNumber() {
    Run run = Run.of("verify", source, target, "--max-kl", "small");
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.errLines()).singleElement().asString().contains("--max-kl", "small");
  }
}
