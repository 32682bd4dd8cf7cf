package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.converters.report.ConversionReport;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import java.io.IOException;
import java.io.RandomAccessFile;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Weights that are finite and still give no numbers: the layer and the tensor are named.
final class FiniteActivationsTest extends ConversionScenario {
  @ParameterizedTest
  @CsvSource({
    "layers.1.input_layernorm,layer 1: output of input_layernorm.weight",
    "layers.1.self_attn.q_proj,'layer 1: queries, output of self_attn.q_*'",
    "layers.2.self_attn.k_proj,'layer 2: keys and values, output of self_attn.k*'",
    "layers.2.self_attn.v_proj,'layer 2: keys and values, output of self_attn.k*'",
    "layers.2.self_attn.o_proj,layer 2: output of self_attn.o_proj.weight",
    "layers.0.mlp.down_proj,'layer 1: its input, the residual stream'"
  })
  void namesWhatOverflows(String module, String culprit) throws IOException {
    byte largest = 0x7F;
    fill("model." + module + ".weight", new byte[] {largest, largest, largest, (byte) 0xFF});
    assertThatThrownBy(() -> calibrated(ConversionRequest.to(TargetLayout.GTA), to))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(culprit + ": expected finite activations on the calibration text")
        .hasMessageContaining(" -> ")
        .hasMessageNotContaining("\n");
    assertThat(names(scratch)).containsExactly("source");
  }

  @ParameterizedTest
  @CsvSource({
    "GTA,self_attn.o_proj", "GTA,self_attn.v_proj", "GTA,self_attn.k_proj", "GTA,self_attn.q_proj",
    "GTA,input_layernorm", "GLA,self_attn.o_proj", "GLA,self_attn.v_proj", "GLA,self_attn.k_proj",
    "GLA,self_attn.q_proj", "GLA,input_layernorm"
  })
  void convertsALayerOfWhichAWeightIsZero(TargetLayout layout, String module) throws IOException {
    fill("model.layers.1." + module + ".weight", new byte[4]);
    ConversionReport report = calibrated(ConversionRequest.to(layout), to);
    boolean addsNothing = !module.endsWith("q_proj") && !module.endsWith("k_proj");
    assertThat(report.layers().stream().map(layer -> layer.fit().isPresent()).toList())
        .startsWith(true, !addsNothing, true);
    float[] before = logits(from);
    float[] after = logits(to);
    for (int i = 0; i < before.length; i++) {
      assertThat(Float.isFinite(after[i])).as("logit %d", i).isTrue();
    }
  }

  /// Makes every two elements of a BF16 tensor the same four bytes.
  private void fill(String tensor, byte[] two) throws IOException {
    Checkpoint.Location place = place(tensor);
    try (var data = new RandomAccessFile(place.file().toFile(), "rw")) {
      data.seek(place.offset());
      for (long i = 0; i < place.bytes(); i += 4) {
        data.write(two);
      }
    }
  }
}
