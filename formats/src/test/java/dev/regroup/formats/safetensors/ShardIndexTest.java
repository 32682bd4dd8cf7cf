package dev.regroup.formats.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ShardIndexTest {
  private static final Path FILE = Path.of("model.safetensors.index.json");

  @Test
  void readsWhichFileHoldsWhichTensor() {
    ShardIndex index =
        parse(
            """
            {"metadata": {"total_size": 12, "total_parameters": 6, "mergekit_version": "1"},
             "weight_map": {"b": "sub/x.safetensors", "a": "y.safetensors"}, "other": [1, {}]}
            """);
    assertThat(index.weightMap())
        .containsExactly(entry("a", "y.safetensors"), entry("b", "sub/x.safetensors"));
    assertThat(index.totalSize()).hasValue(12);
    assertThat(index.oddities()).isEmpty();
  }

  @Test
  void rendersWhatTransformersWrites() {
    ShardPlan plan =
        ShardPlan.cut(
            List.of(
                new TensorInfo("b", Dtype.BF16, Shape.of(2)),
                new TensorInfo("a", Dtype.F32, Shape.of(1))),
            4);
    assertThat(ShardIndex.render(plan))
        .isEqualTo(
            """
            {
              "metadata": {
                "total_parameters": 3,
                "total_size": 8
              },
              "weight_map": {
                "a": "model-00002-of-00002.safetensors",
                "b": "model-00001-of-00002.safetensors"
              }
            }
            """);
  }

  @Test
  void remarksOnWhatIsOdd() {
    String map = "\"weight_map\": {\"a\": \"a.safetensors\"}}";
    assertThat(parse("{" + map).oddities())
        .hasSize(1)
        .first()
        .asString()
        .contains("no \"metadata\"");
    assertThat(parse("{\"metadata\": {}, " + map).oddities()).isEmpty();
    assertThat(parse("{\"metadata\": [1], " + map).oddities()).hasSize(1);
    for (String size : List.of("\"12\"", "1.5", "{\"a\": [1]}", "99999999999999999999")) {
      ShardIndex index = parse("{\"metadata\": {\"total_size\": " + size + "}, " + map);
      assertThat(index.totalSize()).isEmpty();
      assertThat(index.oddities())
          .containsExactly(
              FILE + ": \"total_size\": expected a count of bytes, found something else");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../x.safetensors",
        "a/../../b.safetensors",
        "a/..",
        "/abs.safetensors",
        "C:x.safetensors",
        "C:\\\\x.safetensors",
        "\\\\\\\\server\\\\share.safetensors",
        "..\\\\x.safetensors",
        "a\\\\..\\\\x.safetensors",
        "a\\u0000.safetensors",
      })
  void refusesPathsThatLeadOutsideOnAnyPlatform(String name) {
    assertThatThrownBy(() -> parse("{\"weight_map\": {\"a\": \"" + name + "\"}}"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("tensor \"a\": expected a file inside the model's directory, found");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[] | expected a JSON object",
        "'' | expected a JSON object",
        "{} | \"weight_map\" is missing",
        "{\"weight_map\": {}} | names no tensor",
        "{\"weight_map\": []} | expected an object of tensor names and files",
        "{\"weight_map\": {\"a\": 1}} | tensor \"a\": expected a file name",
        "{\"weight_map\": {\"a\": null}} | tensor \"a\": expected a file name",
        "{\"weight_map\": {\"a\": {}}} | tensor \"a\": expected a file name",
        "{\"weight_map\": {\"a\": \"x.bin\"}} | expected a .safetensors file, found \"x.bin\"",
        "{\"weight_map\": {\"a\": \"\"}} | expected a .safetensors file, found \"\"",
        "{\"weight_map\": {\"a\": \"x.safetensors\", \"a\": \"x.safetensors\"}} | appears twice",
        "{\"weight_map\": {\"a\": \"x.safetensors\", \"\\u0061\": \"x.safetensors\"}} | twice",
        "{\"weight_map\": {\"a\": \"x.safetensors\"}, \"weight_map\": {}} | appears twice",
        "{\"weight_map\": {\"a\": \"x.safetensors\"}, \"metadata\": {}, \"metadata\": {}} | twice",
        "{\"weight_map\": {\"a\": \"x.safetensors\",}} | expected JSON",
        "{\"weight_map\": {\"a\": \"x.safetensors\"}} {} | found more after it",
        "{\"weight_map\": {\"a\": \"x.safetensors\"} | expected JSON",
      })
  void refusesWhatIsNoIndex(String text, String complaint) {
    assertThatThrownBy(() -> parse(text))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(FILE + ": ")
        .hasMessageContaining(complaint);
  }

  private static ShardIndex parse(String text) {
    return ShardIndex.parse(FILE, text, ".safetensors");
  }
}
