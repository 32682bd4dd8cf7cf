package dev.regroup.formats.quantization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Float8;
import dev.regroup.formats.tensor.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class DequantizedCheckpointTest {
  private static final String WEIGHT = "x.weight";

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(floats = {1, 3e-4f, 0x1p-120f, Float.MIN_VALUE, 1e-9f})
  void givesEveryCodeTimesItsScaleRoundedOnce(float scale) {
    for (Dtype dtype : new Dtype[] {Dtype.F8_E4M3, Dtype.F8_E5M2}) {
      Path file =
          new QuantizedFile()
              .codes(WEIGHT, dtype, Shape.of(2, 128), QuantizedFile.everyCode())
              .floats("x.weight_scale", Dtype.F32, Shape.of(), scale)
              .write(folder.resolve(dtype + ".safetensors"));
      try (Checkpoint checkpoint = Checkpoints.open(file)) {
        float[] values = checkpoint.floats(WEIGHT);
        for (int code = 0; code < 256; code++) {
          float stored =
              dtype == Dtype.F8_E4M3
                  ? Float8.decodeE4M3((byte) code)
                  : Float8.decodeE5M2((byte) code);
          assertThat(Float.floatToIntBits(values[code]))
              .as("code %02x", code)
              .isEqualTo(Float.floatToIntBits(stored * scale));
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "576, 300",
    "1, 1",
    "127, 129",
    "129, 127",
    "128, 128",
    "192, 1",
    "1, 257",
    "300, 256"
  })
  void reachesTheRaggedEdgesOfBlocks(int rows, int columns) {
    var random = new Random(rows);
    byte[] codes = new byte[rows * columns];
    random.nextBytes(codes);
    for (int i = 0; i < codes.length; i++) {
      codes[i] &= (byte) 0xBF; // no NaN
    }
    int high = (rows + 127) / 128;
    int wide = (columns + 127) / 128;
    float[] scales = new float[high * wide];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = 0.001f * (i + 1);
    }
    Path file =
        new QuantizedFile()
            .codes(WEIGHT, Dtype.F8_E4M3, Shape.of(rows, columns), codes)
            .floats("x.weight_scale_inv", Dtype.F32, Shape.of(high, wide), scales)
            .write(folder.resolve("blocks.safetensors"));
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      float[] values = checkpoint.floats(WEIGHT);
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++) {
          float expected =
              Float8.decodeE4M3(codes[r * columns + c]) * scales[r / 128 * wide + c / 128];
          assertThat(values[r * columns + c]).isEqualTo(expected);
        }
      }
    }
  }

  static java.util.List<Dtype> scaleDtypes() {
    return QuantizedFile.scaleDtypes();
  }

  @ParameterizedTest
  @MethodSource("scaleDtypes")
  void readsScalesOfAnyDtypeAndFromAnotherFile(Dtype dtype) throws IOException {
    Path model =
        new QuantizedFile()
            .floats(WEIGHT, Dtype.F8_E4M3, Shape.of(2, 2), 1, 2, 3, -4)
            .floats("x.weight_scale_inv", dtype, Shape.of(1, 1), 0.25f)
            .writeShards(
                folder,
                """
                {"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}
                """);
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      assertThat(checkpoint.shards()).hasSize(2);
      assertThat(checkpoint.floats(WEIGHT)).containsExactly(0.25f, 0.5f, 0.75f, -1f);
      assertThat(checkpoint.floats("x.weight_scale_inv")).containsExactly(0.25f);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"[2]", "[2, 1]"})
  void scalesEachRowByItsOwn(String shape) throws IOException {
    Shape scales = shape.equals("[2]") ? Shape.of(2) : Shape.of(2, 1);
    Path model =
        new QuantizedFile()
            .floats(WEIGHT, Dtype.F8_E4M3, Shape.of(2, 3), 1, 1, 1, 1, 1, 1)
            .floats("x.weight_scale", Dtype.BF16, scales, 0.5f, 0.25f)
            .writeShards(
                folder,
                """
                {"quantization_config": {"quant_method": "compressed-tensors",
                 "format": "float-quantized", "ignore": ["re:.*lm_head"],
                 "config_groups": {"group_0": {"targets": ["Linear"], "weights":
                   {"num_bits": 8, "type": "float", "strategy": "channel", "symmetric": true}}}}}
                """);
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      assertThat(checkpoint.floats(WEIGHT)).containsExactly(0.5f, 0.5f, 0.5f, 0.25f, 0.25f, 0.25f);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "model.layers.0.mlp.up_proj | \"quant_method\": \"fp8\" | false",
        "model.layers.0.self_attn.kv_a_proj_with_mqa | \"quant_method\": \"fp8\","
            + " \"ignored_layers\": [\"a_proj\", \"model.layers.01\"] | false",
        "model.layers.0.mlp.up_proj | \"quant_method\": \"compressed-tensors\","
            + " \"config_groups\": {\"a\": {\"targets\": [\"Linear\"], \"weights\":"
            + " {\"type\": \"float\"}}} | false",
        "model.layers.0.mlp.up_proj | \"quant_method\": \"compressed-tensors\","
            + " \"config_groups\": {\"a\": {\"targets\": [\"re:.*self_attn.*\"], \"weights\":"
            + " {\"type\": \"float\"}}} | true",
        "model.layers.0.mlp.up_proj | \"quant_method\": \"compressed-tensors\","
            + " \"ignore\": [\"re:.*up_proj\"],"
            + " \"config_groups\": {\"a\": {\"targets\": [\"Linear\"], \"weights\":"
            + " {\"type\": \"float\"}}} | true",
        "model.layers.0.mlp.up_proj | \"quant_method\": \"fp8\","
            + " \"ignored_layers\": [\"model.layers.0.mlp.up_proj\"] | true",
        "model.layers.0.mlp.up_proj | \"quant_method\": \"fp8\","
            + " \"modules_to_not_convert\": [\"up_proj\"] | true",
        "model.layers.0.mlp.up_proj | \"quant_method\": \"fp8\","
            + " \"modules_to_not_convert\": [\"model.layers.0\"] | true",
        // what some readers do not take for a linear layer
        "model.layers.0.mlp.gate | \"quant_method\": \"fp8\" | true",
        "model.embed_tokens | \"quant_method\": \"fp8\" | true",
        "lm_head | \"quant_method\": \"fp8\" | true",
      })
  void refusesAWeightThatShouldBeQuantisedAndIsNot(String module, String config, boolean good)
      throws IOException {
    Path model =
        new QuantizedFile()
            .floats(WEIGHT, Dtype.F8_E4M3, Shape.of(1, 2), 1, 2)
            .floats("x.weight_scale", Dtype.F32, Shape.of(), 0.5f)
            .floats(module + ".weight", Dtype.BF16, Shape.of(1, 2), 3, 4)
            .writeShards(folder, "{\"quantization_config\": {" + config + "}}");
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      if (good) {
        assertThat(checkpoint.floats(module + ".weight")).containsExactly(3, 4);
      } else {
        assertThatThrownBy(() -> checkpoint.floats(WEIGHT))
            .isInstanceOf(CheckpointException.class)
            .hasMessageContaining("model-00003-of-00003.safetensors: tensor \"" + module)
            .hasMessageContaining("does not name it, found BF16 -> ")
            .hasMessageNotContaining("\n");
      }
    }
  }

  @Test
  void leavesBytesAsTheyAre() {
    Path file =
        new QuantizedFile()
            .codes(WEIGHT, Dtype.F8_E4M3, Shape.of(16, 16), QuantizedFile.everyCode())
            .floats("x.weight_scale", Dtype.F32, Shape.of(1), 0.5f)
            .write(folder.resolve("one.safetensors"));
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      ByteBuffer bytes = ByteBuffer.allocate(256);
      checkpoint.read(WEIGHT, 0, bytes);
      assertThat(bytes.array()).isEqualTo(QuantizedFile.everyCode());
      assertThat(checkpoint.find(WEIGHT).orElseThrow().dtype()).isEqualTo(Dtype.F8_E4M3);
    }
  }

  @Test
  void letsAScaleOfZeroStandForABlockOfZeros() {
    Path file =
        new QuantizedFile()
            .floats(WEIGHT, Dtype.F8_E4M3, Shape.of(1, 2), 0, -0f)
            .floats("x.weight_scale", Dtype.F32, Shape.of(), 0)
            .write(folder.resolve("zero.safetensors"));
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertThat(checkpoint.floats(WEIGHT)).containsExactly(0f, -0f);
    }
  }

  @ParameterizedTest
  @CsvSource({"F8_E4M3FNUZ", "F8_E5M2FNUZ"})
  void refusesFormatsOfOtherHardware(Dtype dtype) {
    Path file =
        new QuantizedFile()
            .codes(WEIGHT, dtype, Shape.of(1, 2), new byte[2])
            .floats("x.weight_scale", Dtype.F32, Shape.of(), 1)
            .write(folder.resolve("other.safetensors"));
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertThatThrownBy(() -> checkpoint.floats(WEIGHT))
          .hasMessageContaining("expected F8_E4M3 or F8_E5M2, found " + dtype);
    }
  }

  @Test
  void pointsAtScalesOfAnotherName() {
    Path file =
        new QuantizedFile()
            .codes(WEIGHT, Dtype.F8_E4M3, Shape.of(1, 2), new byte[2])
            .floats("x.qscale_weight", Dtype.F32, Shape.of(), 1)
            .write(folder.resolve("other.safetensors"));
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertThatThrownBy(() -> checkpoint.floats(WEIGHT))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("\"x.weight_scale\" are missing; found \"x.qscale_weight\"");
    }
  }
}
