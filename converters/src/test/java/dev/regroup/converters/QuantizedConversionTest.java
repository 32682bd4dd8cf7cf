package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.PlannedTensor;
import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.converters.write.Part;
import dev.regroup.converters.write.WriteOptions;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.fixtures.TransformersWitness;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.quantization.ScaledWeight;
import dev.regroup.formats.quantization.ScaledWeights;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.runtime.Progress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// FP8 sources: what stays keeps its bytes and scales, what is new says what it is.
final class QuantizedConversionTest extends ConversionScenario {
  @ParameterizedTest(name = "{0} to {1}")
  @CsvSource({
    "deepseek-v2-fp8,GLA",
    "deepseek-v3-fp8,GLA",
    "deepseek-v3-fp8,GTA",
    "deepseek-v3-fp8-ue8m0,GLA",
    "llama-gqa-fp8,GTA"
  })
  void keepsBytesAndScalesAndListsWhatIsNotQuantised(String model, TargetLayout layout) {
    Path directory = written(model);
    try (Checkpoint source = Checkpoints.open(directory)) {
      ConversionPlan plan = convert(source, ConversionRequest.to(layout), to, false);
      try (Checkpoint target = Checkpoints.open(to)) {
        Checkpoints.describe(target);
        assertKept(plan, source, target);
        var modules = new TreeSet<String>();
        for (PlannedTensor tensor : plan.tensors(Fate.WRITTEN)) {
          assertThat(target.find(tensor.info().name()).orElseThrow().dtype()).isEqualTo(Dtype.BF16);
          if (tensor.info().shape().rank() == 2) {
            modules.add(tensor.info().name().replaceAll("\\.weight$", ""));
          }
        }
        for (List<String> ignored : ignored(target)) {
          assertThat(ignored).containsAll(modules);
        }
        assertThat(ScaledWeights.of(target).all()).isNotEmpty();
      }
    }
    assertThat(logits(to)).doesNotContain(Float.NaN);
  }

  @ParameterizedTest
  @ValueSource(strings = {"deepseek-v3-fp8", "deepseek-v3-fp8-ue8m0", "llama-gqa-fp8"})
  void quantisesNewWeightsAsTheSourceDoesOnRequest(String model) {
    Path directory = written(model);
    Path plain = scratch.resolve("plain");
    var request = ConversionRequest.to(TargetLayout.GLA);
    try (Checkpoint source = Checkpoints.open(directory)) {
      convert(source, request, plain, false);
      ConversionPlan plan = convert(source, request.withRequantize(), to, false);
      assertThat(plan.requantized()).isNotEmpty();
      try (Checkpoint target = Checkpoints.open(to);
          Checkpoint unquantised = Checkpoints.open(plain)) {
        assertKept(plan, source, target);
        ScaledWeights scaled = ScaledWeights.of(target);
        ScaledWeight like = ScaledWeights.of(source).all().iterator().next();
        for (ScaledWeight weight : plan.requantized()) {
          ScaledWeight found = scaled.find(weight.weight().name()).orElseThrow();
          assertThat(found).isEqualTo(weight);
          assertThat(found.scale().dtype()).isEqualTo(like.scale().dtype());
          assertThat(found.grain()).isEqualTo(like.grain());
          assertClose(weight.weight(), target, unquantised);
        }
        for (List<String> ignored : ignored(target)) {
          assertThat(ignored).noneMatch(module -> module.contains("self_attn"));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"deepseek-v3-fp8-ue8m0", "llama-gqa-fp8"})
  void saysOfEachTensorWhatQuantisingItLost(String model) {
    from = written(model);
    ConversionRequest request =
        ConversionRequest.to(TargetLayout.GLA).withRequantize().withMaxShardBytes(60_000);
    Path plain = scratch.resolve("plain");
    convert(ConversionRequest.to(TargetLayout.GLA), plain, false);
    SortedMap<String, Double> errors = requantized(to, request, Part.WHOLE);
    try (Checkpoint source = Checkpoints.open(from);
        Checkpoint target = Checkpoints.open(to);
        Checkpoint unquantised = Checkpoints.open(plain)) {
      List<ScaledWeight> weights = Conversions.plan(source, request).requantized();
      assertThat(errors).hasSameSizeAs(weights);
      for (ScaledWeight weight : weights) {
        String name = weight.weight().name();
        // against what was rounded to BF16 instead, which itself is off by 0.0017
        double measured = error(name, target, unquantised);
        assertThat(errors.get(name)).as(name).isCloseTo(measured, within(0.002));
      }
    }
    assertThat(contents(to)).containsKey("regroup.conversion.json");
    // parts hand their errors on through their journals
    Path shared = scratch.resolve("shared");
    requantized(shared, request, new Part(1, 2));
    requantized(shared, request, new Part(2, 2));
    try (Checkpoint source = Checkpoints.open(from)) {
      Conversions.merge(source, shared, WriteOptions.usual(false), Progress.NONE);
    }
    assertThat(contents(shared)).isEqualTo(contents(to));
  }

  private SortedMap<String, Double> requantized(Path into, ConversionRequest request, Part part) {
    SortedMap<String, Double> errors = new TreeMap<>();
    try (Checkpoint source = Checkpoints.open(from)) {
      Conversions.convert(
              source,
              Conversions.plan(source, request),
              Optional.empty(),
              into,
              new ConversionOptions(FitOptions.NONE, 1, false, false, "test"),
              WriteOptions.usual(false).with(part),
              Progress.NONE)
          .layers()
          .forEach(layer -> errors.putAll(layer.requantized()));
    }
    return errors;
  }

  @Test
  void refusesToQuantiseWithoutKnowingWhatLayersAreFed() {
    assertRefused("deepseek-v2-fp8", "activations are static");
    assertRefused("deepseek-v2", "expected a source with FP8 weights, found none");
  }

  @Test
  void givesEqualBytesTwice() {
    Path directory = written("deepseek-v3-fp8");
    Path again = scratch.resolve("again");
    try (Checkpoint source = Checkpoints.open(directory)) {
      ConversionRequest request = ConversionRequest.to(TargetLayout.GLA).withRequantize();
      convert(source, request, to, false);
      convert(source, request, again, false);
    }
    assertThat(contents(again)).isEqualTo(contents(to)).isNotEmpty();
  }

  @Test
  void goesOnFromWhatItWroteWhereItIsCalibrated() {
    from = written("llama-gqa-fp8");
    calibrated(ConversionRequest.to(TargetLayout.GTA).withRequantize(), to);
    Path plain = scratch.resolve("plain");
    calibrated(ConversionRequest.to(TargetLayout.GTA), plain);
    assertThat(InMemory.difference(logits(plain), logits(to))).isLessThan(1.0);
  }

  @ParameterizedTest
  @CsvSource({"deepseek-v3-fp8,false", "deepseek-v3-fp8,true", "deepseek-v2-fp8,false"})
  void isUnderstoodByTransformers(String model, boolean requantize) {
    var witness = TransformersWitness.find();
    assumeTrue(witness.isPresent(), witness::whyNot);
    var request = ConversionRequest.to(TargetLayout.GLA);
    try (Checkpoint source = Checkpoints.open(written(model))) {
      convert(source, requantize ? request.withRequantize() : request, to, false);
    }
    try (Checkpoint target = Checkpoints.open(to)) {
      ScaledWeights scaled = ScaledWeights.of(target);
      List<String> quantized =
          scaled.all().stream().map(weight -> module(weight.weight().name())).toList();
      List<String> plain =
          target.infos().stream()
              .filter(info -> info.name().contains("self_attn") && info.shape().rank() == 2)
              .filter(info -> info.name().endsWith(".weight"))
              .filter(info -> scaled.find(info.name()).isEmpty())
              .map(info -> module(info.name()))
              .toList();
      assertThat(plain).hasSize(requantize ? 0 : 2 * 3);
      witness.checkQuantization(to, plain, quantized);
    }
  }

  private static String module(String weight) {
    return weight.replaceAll("\\.weight$", "");
  }

  private Path written(String model) {
    Path directory = scratch.resolve(model);
    Fixtures.write(model, directory, SEED, 3);
    return directory;
  }

  private void assertRefused(String model, String message) {
    try (Checkpoint source = Checkpoints.open(written(model))) {
      var request = ConversionRequest.to(TargetLayout.GLA).withRequantize();
      assertThatThrownBy(() -> Conversions.plan(source, request))
          .isInstanceOf(UnsupportedModelException.class)
          .hasMessageStartingWith("--requantize: ")
          .hasMessageContaining(message)
          .hasMessageNotContaining("\n");
    }
  }

  /// Every kept tensor has its bytes, and of the source's scales those stay whose weight stays.
  private static void assertKept(ConversionPlan plan, Checkpoint source, Checkpoint target) {
    assertThat(target.infos()).hasSameElementsAs(plan.output());
    Set<String> kept =
        plan.tensors(Fate.KEPT).stream()
            .map(tensor -> tensor.info().name())
            .collect(Collectors.toSet());
    for (String name : kept) {
      assertThat(raw(target, name)).as(name).isEqualTo(raw(source, name));
    }
    for (ScaledWeight weight : ScaledWeights.of(source).all()) {
      assertThat(kept.contains(weight.scale().name()))
          .as(weight.scale().name())
          .isEqualTo(kept.contains(weight.weight().name()));
    }
  }

  private static void assertClose(TensorInfo weight, Checkpoint quantised, Checkpoint plain) {
    // a code has three bits behind the point: about 2.6 % over a block
    assertThat(error(weight.name(), quantised, plain)).as(weight.name()).isBetween(1e-4, 0.04);
  }

  private static double error(String weight, Checkpoint quantised, Checkpoint plain) {
    float[] found = quantised.floats(weight);
    float[] expected = plain.floats(weight);
    double error = 0;
    double size = 0;
    for (int i = 0; i < found.length; i++) {
      error += Math.pow(found[i] - expected[i], 2);
      size += Math.pow(expected[i], 2);
    }
    return Math.sqrt(error / size);
  }

  private static List<List<String>> ignored(Checkpoint target) {
    var section = target.config().object("quantization_config").orElseThrow();
    var lists = new ArrayList<List<String>>();
    if (section.text("quant_method").equals("compressed-tensors")) {
      lists.add(section.texts("ignore"));
    } else {
      lists.add(section.texts("ignored_layers"));
      lists.add(section.texts("modules_to_not_convert"));
    }
    return lists;
  }
}
