package dev.regroup.formats.quantization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.formats.SharedFiles;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Float8;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorCodec;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

final class QuantizerTest {
  private static final Grain BLOCKS = new Grain.Blocks(128, 128);

  @Test
  void givesTheCodesOfTheCollectedVectors() throws IOException {
    List<String> lines = Files.readAllLines(SharedFiles.require("cases/fp8_encode.csv"));
    var values = new ArrayList<Float>(List.of(448f)); // makes the scale 1
    var codes = new ArrayList<Byte>(List.of((byte) 0x7e));
    for (String line : lines.subList(1, lines.size())) {
      String[] cells = line.split(",", -1);
      float value = Float.intBitsToFloat(Integer.parseUnsignedInt(cells[0].substring(2), 16));
      if (Math.abs(value) <= 448) {
        values.add(value);
        codes.add((byte) Integer.parseInt(cells[2].substring(2), 16));
      }
    }
    assertThat(values).hasSizeGreaterThan(1000);
    float[] flat = new float[values.size()];
    for (int i = 0; i < flat.length; i++) {
      flat[i] = values.get(i);
    }
    ScaledWeight weight = weight(1, flat.length, new Grain.PerTensor(), Dtype.F32, false);
    Quantizer.Quantized quantized = Quantizer.quantize(weight, flat);
    assertThat(quantized.scales()).containsExactly(1f);
    byte[] found = codes(quantized);
    for (int i = 0; i < found.length; i++) {
      assertThat(found[i]).as("value %s", values.get(i)).isEqualTo(codes.get(i));
    }
  }

  @Test
  void measuresWhatItLost() {
    for (Dtype dtype : List.of(Dtype.F8_E4M3, Dtype.F8_E5M2)) {
      float most = dtype == Dtype.F8_E4M3 ? 448 : 57344;
      ScaledWeight weight =
          new ScaledWeight(
              new TensorInfo("a.weight", dtype, Shape.of(1, 4)),
              new TensorInfo("a.weight_scale", Dtype.F32, Shape.of()),
              new Grain.PerTensor(),
              false);
      // scale 1: the first three are codes, and the last lies between 16 and 18 (E5M2: 16 and 20)
      float[] values = {most, 0, -16, 16.5f};
      double size = Math.sqrt(most * most + 256 + 16.5 * 16.5);
      assertThat(Quantizer.error(weight, Quantizer.quantize(weight, values), values))
          .isCloseTo(0.5 / size, within(1e-12));
      float[] zeros = new float[4];
      assertThat(Quantizer.error(weight, Quantizer.quantize(weight, zeros), zeros)).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource({"576, 300", "1, 1", "127, 129", "256, 384"})
  void givesBackWhatItMade(int rows, int columns) {
    for (Grain grain : List.of(BLOCKS, new Grain.PerTensor(), new Grain.PerChannel())) {
      ScaledWeight weight = weight(rows, columns, grain, Dtype.F32, false);
      Quantizer.Quantized once = Quantizer.quantize(weight, gaussian(rows * columns));
      Quantizer.Quantized again = Quantizer.quantize(weight, values(weight, once));
      assertThat(again.scales()).isEqualTo(once.scales());
      assertThat(codes(again)).isEqualTo(codes(once));
      // a largest code of 224 halves a scale that is a power of two; what is meant stays
      ScaledWeight powers = weight(rows, columns, grain, Dtype.F32, true);
      float[] values = values(powers, Quantizer.quantize(powers, gaussian(rows * columns)));
      assertThat(values(powers, Quantizer.quantize(powers, values))).isEqualTo(values);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16", "F16"})
  void staysWithinHalfAStep(Dtype scales) {
    float[] values = gaussian(300 * 200);
    ScaledWeight weight = weight(300, 200, BLOCKS, scales, false);
    Quantizer.Quantized quantized = Quantizer.quantize(weight, values);
    byte[] codes = codes(quantized);
    for (int i = 0; i < values.length; i++) {
      float scale = quantized.scales()[i / 200 / 128 * 2 + i % 200 / 128];
      double found = (double) Float8.decodeE4M3(codes[i]) * scale;
      double allowed = Math.max(Math.abs(values[i]) * 0x1.01p-4, scale * 0x1p-10);
      assertThat(found).isEqualTo(values[i], within(allowed));
    }
  }

  @Test
  void takesPowersOfTwoThatNoCodeOverflows() {
    float[] values = gaussian(256 * 256);
    ScaledWeight weight = weight(256, 256, BLOCKS, Dtype.F8_E8M0, true);
    Quantizer.Quantized quantized = Quantizer.quantize(weight, values);
    for (float scale : quantized.scales()) {
      assertThat(scale).isEqualTo(Math.scalb(1f, Math.getExponent(scale)));
    }
    for (float code : quantized.codes()) {
      assertThat(Math.abs(code)).isLessThanOrEqualTo(448);
    }
    float[] exact = {448 * 0.25f, 1};
    assertThat(Quantizer.quantize(weight(1, 2, BLOCKS, Dtype.F32, true), exact).scales())
        .containsExactly(0.25f);
  }

  @Test
  void givesZerosAScaleOfOne() {
    ScaledWeight weight = weight(2, 2, BLOCKS, Dtype.F32, false);
    Quantizer.Quantized quantized = Quantizer.quantize(weight, new float[] {0, -0f, 0, 0});
    assertThat(quantized.scales()).containsExactly(1f);
    assertThat(codes(quantized)).containsExactly(0, 0x80 - 256, 0, 0);
  }

  private static float[] values(ScaledWeight weight, Quantizer.Quantized quantized) {
    byte[] codes = codes(quantized);
    float[] values = new float[codes.length];
    TensorCodec.decode(Dtype.F8_E4M3, ByteBuffer.wrap(codes), values, 0);
    new Scales(weight, quantized.scales()).apply(values);
    return values;
  }

  private static byte[] codes(Quantizer.Quantized quantized) {
    byte[] codes = new byte[quantized.codes().length];
    TensorCodec.encode(Dtype.F8_E4M3, quantized.codes(), 0, ByteBuffer.wrap(codes));
    return codes;
  }

  private static float[] gaussian(int count) {
    var random = new Random(count);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (0.02 * random.nextGaussian());
    }
    return values;
  }

  private static ScaledWeight weight(
      int rows, int columns, Grain grain, Dtype scales, boolean powersOfTwo) {
    Shape shape = Shape.of(rows, columns);
    return new ScaledWeight(
        new TensorInfo("x.weight", Dtype.F8_E4M3, shape),
        new TensorInfo("x.weight_scale_inv", scales, grain.scales(shape)),
        grain,
        powersOfTwo);
  }
}
