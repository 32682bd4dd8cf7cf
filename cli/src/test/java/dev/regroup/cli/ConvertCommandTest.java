package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.regroup.fixtures.Fixtures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/// The whole flow on random models, through the real command line.
final class ConvertCommandTest {
  @TempDir private Path folder;
  private Path source = Path.of("");
  private Path target = Path.of("");
  private Path text = Path.of("");

  @BeforeEach
  void writeAModelAndAText() throws IOException {
    source = folder.resolve("source");
    target = folder.resolve("target");
    text = folder.resolve("text.txt");
    Fixtures.write("llama-gqa", source, 1);
    Files.writeString(text, "A short text, said again and again until it is long. ".repeat(200));
  }

  @ParameterizedTest
  @CsvSource({
    "llama-mha, gta",
    "llama-mha, gla",
    "qwen2, gta",
    "deepseek-v2, gla",
    "deepseek-v2-lite, gta",
    "mistral, gla"
  })
  void writesATargetThatInspectAndVerifyAccept(String fixture, String layout) {
    Path model = folder.resolve("model");
    Fixtures.write(fixture, model, 1);
    Run convert = Run.of("convert", model, target, "--to", layout);
    assertThat(convert.exitCode()).as(convert.err()).isZero();
    assertThat(convert.out()).contains("KV cache", "predicted error");
    JsonNode inspected = Run.of("inspect", target, "--json").json();
    assertThat(inspected.at("/attention/0/layout").asString()).isEqualTo(layout);
    Run verify = Run.of("verify", model, target, "--json", "-q");
    assertThat(verify.exitCode()).as(verify.out() + verify.err()).isZero();
    assertThat(verify.json().at("/cache/target_bytes_per_token").asLong())
        .isEqualTo(inspected.at("/kv_cache/bytes_per_token").asLong());
  }

  @ParameterizedTest
  @CsvSource({
    "mla, deepseek-v2, DeepseekV2ForCausalLM, mla",
    "mla, deepseek-v3, DeepseekV3ForCausalLM, mla",
    "gla, reference, RegroupForCausalLM, gla"
  })
  void writesEveryProfileSoThatInspectAndVerifyAccept(
      String to, String profile, String name, String layout) throws IOException {
    Run convert = Run.of("convert", source, target, "--to", to, "--profile", profile, "-q");
    assertThat(convert.exitCode()).as(convert.err()).isZero();
    assertThat(Files.readString(target.resolve("config.json"))).contains(name);
    JsonNode inspected = Run.of("inspect", target, "--json").json();
    assertThat(inspected.at("/attention/0/layout").asString()).isEqualTo(layout);
    Run verify = Run.of("verify", source, target, "--json", "-q");
    assertThat(verify.exitCode()).as(verify.out() + verify.err()).isZero();
  }

  @Test
  void leavesToTheCpuWhatNoGpuRuns() {
    Run convert = Run.of("convert", source, target, "--to", "gla", "--profile", "reference");
    assertThat(convert.exitCode()).as(convert.err()).isZero();
    assertThat(convert.err())
        .contains("(cpu, ", "the reference's form of GLA runs on the CPU alone");
    Run verify = Run.of("verify", source, target);
    assertThat(verify.err()).contains("the reference's form of GLA runs on the CPU alone");
  }

  @Test
  void samplesItsOwnCalibrationText() throws IOException {
    Path again = folder.resolve("again");
    for (Path to : new Path[] {target, again}) {
      Run run =
          Run.of(
              "convert",
              source,
              to,
              "--to",
              "gla",
              "--calibration",
              "self",
              "--calibration-tokens",
              "1K",
              "--fit-steps",
              "0",
              "--json",
              "-q");
      assertThat(run.exitCode()).as(run.err()).isZero();
      assertThat(run.json().at("/calibration/tokens").asLong()).isEqualTo(1024);
      assertThat(run.json().at("/calibration/source").asString()).isEqualTo("the source itself");
    }
    assertThat(Files.mismatch(target.resolve("config.json"), again.resolve("config.json")))
        .isEqualTo(-1);
  }

  @Test
  void namesTheProfilesItKnows() {
    Run run = Run.of("convert", source, target, "--to", "gla", "--profile", "mine");
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err())
        .contains("expected one of [regroup, reference, deepseek-v2, deepseek-v3]");
  }

  @Test
  void givesTheSameBytesTwiceAndMeasuresOnText() throws IOException {
    Path again = folder.resolve("again");
    Run run = calibrated(target, "--json");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.json().at("/layers/0/measured_error").isNumber()).isTrue();
    assertThat(run.json().at("/calibration/tokens").asLong()).isPositive();
    assertThat(calibrated(again).exitCode()).isZero();
    for (String file : new String[] {"model.safetensors", "config.json"}) {
      assertThat(Files.mismatch(target.resolve(file), again.resolve(file))).as(file).isEqualTo(-1);
    }
  }

  @Test
  void cutsShardsAndCopiesSideFiles() throws IOException {
    Run run = Run.of("convert", source, target, "--to", "gta", "--max-shard-size", "100kB", "-q");
    assertThat(run.exitCode()).as(run.err()).isZero();
    try (Stream<Path> files = Files.list(target)) {
      assertThat(files.filter(file -> file.toString().endsWith(".safetensors")))
          .hasSizeGreaterThan(1)
          .allSatisfy(file -> assertThat(Files.size(file)).isLessThan(110_000));
    }
    assertThat(target.resolve("tokenizer.json"))
        .hasSameBinaryContentAs(source.resolve("tokenizer.json"));
  }

  @Test
  void leavesAnExistingTargetAloneUnlessToldOtherwise() throws IOException {
    Files.createDirectory(target);
    Files.writeString(target.resolve("mine.txt"), "mine");
    Run refused = Run.of("convert", source, target, "--to", "gta", "-q");
    assertThat(refused.exitCode()).isEqualTo(ExitCode.IO);
    assertThat(refused.errLines()).singleElement().asString().contains("--overwrite");
    assertThat(target.resolve("mine.txt")).hasContent("mine");
    Run allowed = Run.of("convert", source, target, "--to", "gta", "-q", "--overwrite");
    assertThat(allowed.exitCode()).as(allowed.err()).isZero();
    assertThat(target.resolve("mine.txt")).doesNotExist();
  }

  @Test
  void writesAManifestThatVerifyHoldsTheFilesAgainst() throws IOException {
    assertThat(Run.of("convert", source, target, "--to", "gta", "-q").exitCode()).isZero();
    Run good = Run.of("verify", target, "--level", "tensors", "--json");
    assertThat(good.exitCode()).as(good.err()).isZero();
    assertThat(good.json().at("/files").asInt()).isGreaterThan(3);
    assertThat(Run.of("verify", source, target, "--level", "tensors", "-q").out())
        .contains("manifest");
    Path tokenizer = target.resolve("tokenizer.json");
    Files.writeString(tokenizer, Files.readString(tokenizer).replaceFirst("\\{", " "));
    Run bad = Run.of("verify", target, "--level", "tensors");
    assertThat(bad.exitCode()).isEqualTo(ExitCode.NOT_GOOD_ENOUGH);
    assertThat(bad.out()).contains("FAIL", "tokenizer.json");
    Run beside = Run.of("verify", source, target, "--level", "tensors", "-q");
    assertThat(beside.exitCode()).isEqualTo(ExitCode.NOT_GOOD_ENOUGH);
    assertThat(Run.of("verify", target).exitCode()).isEqualTo(ExitCode.USAGE);
    Run none = Run.of("verify", source, "--level", "tensors", "-q");
    assertThat(none.exitCode()).isEqualTo(ExitCode.BAD_CHECKPOINT);
    assertThat(none.errLines()).singleElement().asString().contains("regroup.manifest.json");
  }

  @Test
  void takesLinksHolesAndResumingFromTheCommandLine() throws IOException {
    Run run =
        Run.of(
            "convert",
            source,
            target,
            "--to",
            "gta",
            "-q",
            "--link",
            "copy",
            "--sparse",
            "--resume");
    assertThat(run.exitCode()).as(run.err()).isZero();
    Run again = Run.of("convert", source, target, "--to", "gta", "-q", "--resume");
    assertThat(again.exitCode()).as(again.err()).isZero();
    Run both = Run.of("convert", source, target, "--to", "gta", "--resume", "--restart");
    assertThat(both.exitCode()).isEqualTo(ExitCode.USAGE);
    for (String part : new String[] {"0/2", "3/2", "2", "a/b"}) {
      Run wrong = Run.of("convert", source, target, "--to", "gta", "--part", part);
      assertThat(wrong.exitCode()).as(part).isEqualTo(ExitCode.USAGE);
      assertThat(wrong.errLines()).as(part).singleElement().asString().contains("--part", "I/N");
    }
  }

  @Test
  void refusesToConvertItsOwnOutput() {
    assertThat(Run.of("convert", source, target, "--to", "gta", "-q").exitCode()).isZero();
    Run again = Run.of("convert", target, folder.resolve("twice"), "--to", "gla", "-q");
    assertThat(again.exitCode()).isEqualTo(ExitCode.UNSUPPORTED);
    assertThat(again.errLines()).singleElement().asString().contains("GTA", "->");
    assertThat(folder.resolve("twice")).doesNotExist();
  }

  @Test
  void saysSoWhereTheCalibrationTextIsNotThere() {
    Path nowhere = folder.resolve("nowhere.txt");
    Run run = Run.of("convert", source, target, "--to", "gta", "--calibration", nowhere, "-q");
    assertThat(run.exitCode()).isNotZero();
    assertThat(run.errLines()).singleElement().asString().contains("nowhere.txt");
    assertThat(target).doesNotExist();
  }

  @Test
  void saysSoWhereTheCalibrationTextIsTooShort() throws IOException {
    Files.writeString(text, "short");
    Run run = calibrated(target, "-q");
    assertThat(run.exitCode()).isEqualTo(ExitCode.BAD_CHECKPOINT);
    assertThat(run.errLines()).singleElement().asString().contains("text.txt");
    assertThat(target).doesNotExist();
  }

  @Test
  void saysSoWhereTheFolderCannotBeWritten() throws IOException {
    assumeThat(System.getProperty("user.name")).as("root may write anywhere").isNotEqualTo("root");
    Path locked = Files.createDirectory(folder.resolve("locked"));
    Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString("r-xr-xr-x"));
    Run run = Run.of("convert", source, locked.resolve("target"), "--to", "gta", "-q");
    assertThat(run.exitCode()).isEqualTo(ExitCode.IO);
    assertThat(run.errLines()).hasSize(1);
  }

  @Test
  void refusesAFitThatIsNone() {
    Run run = Run.of("convert", source, target, "--to", "gta", "--fit-steps", "-5");
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.errLines()).singleElement().asString().contains("--fit-steps", "found -5");
  }

  @Test
  void showsTheStackOnlyWhereAsked() {
    Run quiet = Run.of("convert", folder.resolve("x"), target, "--to", "gta");
    Run loud = Run.of("convert", folder.resolve("x"), target, "--to", "gta", "--stacktrace");
    assertThat(quiet.errLines()).hasSize(1);
    assertThat(loud.err()).contains("\tat dev.regroup.");
  }

  private Run calibrated(Path target, String... more) {
    var line = new java.util.ArrayList<Object>();
    line.addAll(java.util.List.of("convert", source, target, "--to", "gta"));
    line.addAll(java.util.List.of("--calibration", text, "--calibration-tokens", "2K"));
    line.addAll(java.util.List.of("--fit-tokens", "2K", "--fit-steps", "10"));
    line.addAll(java.util.List.of(more));
    return Run.of(line.toArray());
  }
}
