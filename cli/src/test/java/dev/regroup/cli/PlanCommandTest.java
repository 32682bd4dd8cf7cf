package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.fixtures.Fixtures;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

final class PlanCommandTest {
  @TempDir private Path folder;
  private Path model = Path.of("");

  @BeforeEach
  void writeAModel() {
    model = folder.resolve("model");
    Fixtures.write("llama-gqa", model, 1);
  }

  @Test
  void namesTheFateOfEveryTensor() {
    JsonNode json = Run.of("plan", model, "--to", "gta", "--json").json();
    long kept = fates(json, "kept");
    long dropped = fates(json, "dropped");
    assertThat(kept + dropped).isEqualTo(Fixtures.spec("llama-gqa").tensors().size());
    assertThat(fates(json, "written")).isPositive();
  }

  @Test
  void shrinksTheCache() {
    JsonNode json = Run.of("plan", model, "--to", "GTA", "--json").json();
    assertThat(json.at("/cache/target_bytes_per_token").asLong())
        .isLessThan(json.at("/cache/source_bytes_per_token").asLong())
        .isPositive();
  }

  @Test
  void foldsLayersIntoOneLineForPeople() {
    Run run = Run.of("plan", model, "--to", "gla");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .contains("model.layers.*.self_attn.kv_b_proj.weight", "written", "dropped");
  }

  @Test
  void refusesHeadsThatDoNotDivide() {
    Run run = Run.of("plan", model, "--to", "gta", "--kv-heads", "3");
    assertThat(run.exitCode()).isEqualTo(ExitCode.UNSUPPORTED);
    assertThat(run.out()).isEmpty();
    assertThat(run.errLines()).singleElement().asString().contains("--kv-heads", "found 3");
  }

  @Test
  void refusesASizeThatIsNone() {
    Run run = Run.of("plan", model, "--to", "gta", "--max-shard-size", "5XB");
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.errLines()).singleElement().asString().contains("such as 5GB", "5XB");
  }

  private static long fates(JsonNode json, String fate) {
    return json.at("/tensors")
        .valueStream()
        .filter(tensor -> tensor.get("fate").asString().equals(fate))
        .count();
  }
}
