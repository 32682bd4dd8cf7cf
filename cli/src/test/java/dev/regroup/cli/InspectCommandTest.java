package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.fixtures.Fixtures;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

final class InspectCommandTest {
  @TempDir private Path folder;

  static java.util.stream.Stream<String> fixtures() {
    return Fixtures.random().stream().map(Fixtures.Fixture::name);
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void readsEveryArchitecture(String name) {
    Fixtures.write(name, folder.resolve(name), 1);
    Run text = Run.of("inspect", folder.resolve(name));
    assertThat(text.exitCode()).as(text.err()).isZero();
    assertThat(text.out()).contains("Attention", "KV cache", "tensor parallel");
    JsonNode json = Run.of("inspect", folder.resolve(name), "--json").json();
    assertThat(json.at("/model/layers").asInt()).isEqualTo(Fixtures.spec(name).layers().size());
    assertThat(json.at("/kv_cache/elements_per_token").asLong())
        .isEqualTo(Fixtures.spec(name).cacheElements());
    assertThat(json.at("/attention/0/layout").asString())
        .isEqualTo(Fixtures.spec(name).layers().getFirst().attention().layout().label());
  }

  @Test
  void countsParametersAndShards() {
    Fixtures.write("llama-gqa", folder.resolve("model"), 1, 3);
    JsonNode json = Run.of("inspect", folder.resolve("model"), "--json").json();
    long expected =
        Fixtures.spec("llama-gqa").tensors().values().stream()
            .mapToLong(shape -> shape.elements())
            .sum();
    assertThat(json.at("/parameters/total").asLong()).isEqualTo(expected);
    assertThat(json.at("/dtypes/BF16/bytes").asLong()).isEqualTo(2 * expected);
    assertThat(json.at("/shards").size()).isEqualTo(3);
  }

  @Test
  void replicatesTheCacheOfMlaAndShardsThatOfGqa() {
    Fixtures.write("deepseek-v2", folder.resolve("mla"), 1);
    Fixtures.write("llama-gqa", folder.resolve("gqa"), 1);
    JsonNode mla = Run.of("inspect", folder.resolve("mla"), "--json").json();
    JsonNode gqa = Run.of("inspect", folder.resolve("gqa"), "--json").json();
    assertThat(perDevice(mla, 3)).isEqualTo(perDevice(mla, 0));
    assertThat(perDevice(gqa, 1)).isEqualTo(perDevice(gqa, 0) / 2);
    assertThat(gqa.at("/kv_cache/per_device/3/tensor_parallel").asInt()).isEqualTo(8);
  }

  @Test
  void listsTheTensorsOfABareFile() {
    Fixtures.write("llama-mha", folder.resolve("model"), 1);
    Run run = Run.of("inspect", folder.resolve("model/model.safetensors"));
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("model.embed_tokens.weight", "F32", "[257, ");
    assertThat(run.out()).doesNotContain("KV cache");
  }

  @Test
  void saysSoWhereThereIsNoModel() {
    Run run = Run.of("inspect", folder.resolve("nowhere"));
    assertThat(run.exitCode()).isNotZero();
    assertThat(run.out()).isEmpty();
    assertThat(run.errLines())
        .singleElement()
        .asString()
        .startsWith("regroup: ")
        .contains("nowhere");
  }

  private static long perDevice(JsonNode json, int index) {
    return json.at("/kv_cache/per_device/" + index + "/bytes_per_token").asLong();
  }
}
