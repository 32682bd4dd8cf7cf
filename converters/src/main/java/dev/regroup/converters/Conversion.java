package dev.regroup.converters;

import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.PlannedTensor;
import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.converters.report.ConversionReport;
import dev.regroup.converters.report.LayerReport;
import dev.regroup.converters.source.FiniteCheck;
import dev.regroup.converters.write.TargetDirectory;
import dev.regroup.converters.write.TargetFiles;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.quantization.Quantizer;
import dev.regroup.formats.quantization.ScaledWeight;
import dev.regroup.formats.quantization.ScaledWeights;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.text.TokenWindows;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// One run of a plan: kept tensors are copied, then layer after layer is converted and written.
final class Conversion {
  private final Checkpoint source;
  private final ConversionPlan plan;
  private final Optional<TokenWindows> calibration;
  private final ConversionOptions options;
  private final Progress progress;
  private final Map<String, ScaledWeight> requantized = new HashMap<>();
  private final Set<String> scales = new HashSet<>();

  Conversion(
      Checkpoint source,
      ConversionPlan plan,
      Optional<TokenWindows> calibration,
      ConversionOptions options,
      Progress progress) {
    this.source = source;
    this.plan = plan;
    this.calibration = calibration;
    this.options = options;
    this.progress = progress;
    for (ScaledWeight weight : plan.requantized()) {
      requantized.put(weight.weight().name(), weight);
      scales.add(weight.scale().name());
    }
  }

  ConversionReport into(Path target) {
    long begin = System.nanoTime();
    List<LayerConversion.Converted> layers;
    try (TargetDirectory directory =
        TargetDirectory.open(target, source.path(), plan.outputBytes(), options.overwrite())) {
      try (TargetFiles files = TargetFiles.create(directory.staging(), plan.shards())) {
        copyKept(files);
        layers = convertLayers(files);
        files.finish();
      }
      ModelSpec result =
          plan.target()
              .withAttention(
                  plan.target().architecture(),
                  layers.stream().map(LayerConversion.Converted::spec).toList());
      new TargetConfig(source, plan, calibration, options).write(directory.staging(), result);
      directory.commit();
    }
    return new ConversionReport(
        source.path(),
        target,
        plan,
        calibration.map(TokenWindows::source).orElse("none"),
        calibration.map(TokenWindows::tokens).orElse(0L),
        layers.stream().map(LayerConversion.Converted::report).toList(),
        (System.nanoTime() - begin) / 1e9);
  }

  private void copyKept(TargetFiles files) {
    List<PlannedTensor> kept = plan.tensors(Fate.KEPT);
    ScaledWeights.requireSound(source);
    progress.begin("copying unchanged tensors", plan.bytes(Fate.KEPT));
    long done = 0;
    for (PlannedTensor tensor : kept) {
      String name = tensor.info().name();
      if (!options.allowNonFinite()) {
        FiniteCheck.require(source, tensor.info());
      }
      files.writer(name).copy(name, source, name);
      done += tensor.info().bytes();
      progress.advance(done, "");
    }
  }

  private List<LayerConversion.Converted> convertLayers(TargetFiles files) {
    int count = plan.source().layers().size();
    LayerConversion conversion =
        calibration.isPresent()
            ? new CalibratedConversion(source, plan, calibration.get(), options)
            : new PriorConversion(source, plan, options);
    progress.begin("converting layers", count);
    List<LayerConversion.Converted> layers = new ArrayList<>();
    for (int layer = 0; layer < count; layer++) {
      LayerConversion.Converted converted = conversion.convert(layer);
      write(files, layer, converted.tensors());
      layers.add(converted.withoutTensors());
      progress.advance(layer + 1, detail(converted.report()));
    }
    return layers;
  }

  private void write(TargetFiles files, int layer, Map<AttentionTensor, float[]> tensors) {
    Map<String, float[]> named = new HashMap<>();
    new EnumMap<>(tensors).forEach((tensor, values) -> named.put(tensor.in(layer), values));
    for (PlannedTensor tensor : plan.tensors(Fate.WRITTEN)) {
      if (tensor.layer() == layer && !scales.contains(tensor.info().name())) {
        String name = tensor.info().name();
        float[] values = named.get(name);
        if (values == null) {
          throw new IllegalArgumentException("layer " + layer + " made no " + name);
        }
        ScaledWeight quantised = requantized.get(name);
        if (quantised == null) {
          files.writer(name).write(name, values);
        } else {
          Quantizer.Quantized quantised8 = Quantizer.quantize(quantised, values);
          files.writer(name).write(name, quantised8.codes());
          String scale = quantised.scale().name();
          files.writer(scale).write(scale, quantised8.scales());
        }
      }
    }
  }

  private static String detail(LayerReport report) {
    String predicted =
        "layer %d: predicted error %.4f".formatted(report.layer(), report.predictedError());
    return report.measuredError().isPresent()
        ? predicted + ", measured %.4f".formatted(report.measuredError().getAsDouble())
        : predicted;
  }
}
