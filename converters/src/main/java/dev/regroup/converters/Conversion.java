package dev.regroup.converters;

import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.PlannedTensor;
import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.converters.report.ConversionReport;
import dev.regroup.converters.report.LayerReport;
import dev.regroup.converters.report.ResourceUse;
import dev.regroup.converters.source.FiniteCheck;
import dev.regroup.converters.write.TargetDirectory;
import dev.regroup.converters.write.TargetFiles;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.text.TokenWindows;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// One run of a plan: kept tensors are copied, then layer after layer is converted and written.
final class Conversion {
  private final Checkpoint source;
  private final ConversionPlan plan;
  private final Optional<TokenWindows> calibration;
  private final ConversionOptions options;
  private final Progress progress;
  private long spilledBytes;

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
        new ResourceUse((System.nanoTime() - begin) / 1e9, PeakHeap.bytes(), spilledBytes));
  }

  private void copyKept(TargetFiles files) {
    List<PlannedTensor> kept = plan.tensors(Fate.KEPT);
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
    List<LayerConversion.Converted> layers = new ArrayList<>();
    try (LayerConversion conversion =
        calibration.isPresent()
            ? new CalibratedConversion(source, plan, calibration.get(), options, progress)
            : new PriorConversion(source, plan, options)) {
      int pieces = conversion.pieces();
      progress.begin(
          pieces == 1 ? "converting layers" : "converting and fitting, steps",
          (long) count * pieces);
      for (int layer = 0; layer < count; layer++) {
        LayerConversion.Converted converted = conversion.convert(layer);
        write(files, layer, converted.tensors());
        layers.add(converted.withoutTensors());
        progress.advance((layer + 1L) * pieces, detail(converted.report()));
      }
      spilledBytes = conversion.spilledBytes();
    }
    return layers;
  }

  private void write(TargetFiles files, int layer, Map<AttentionTensor, float[]> tensors) {
    Map<String, float[]> named = new java.util.HashMap<>();
    new EnumMap<>(tensors).forEach((tensor, values) -> named.put(tensor.in(layer), values));
    for (PlannedTensor tensor : plan.tensors(Fate.WRITTEN)) {
      if (tensor.layer() == layer) {
        String name = tensor.info().name();
        float[] values = named.get(name);
        if (values == null) {
          throw new IllegalArgumentException("layer " + layer + " made no " + name);
        }
        files.writer(name).write(name, values);
      }
    }
  }

  private static String detail(LayerReport report) {
    String predicted =
        "layer %d: predicted error %.4f".formatted(report.layer(), report.predictedError());
    String measured =
        report.measuredError().isPresent()
            ? predicted + ", measured %.4f".formatted(report.measuredError().getAsDouble())
            : predicted;
    return report
        .fit()
        .map(fit -> "%s, fit %.4f -> %.4f".formatted(measured, fit.before(), fit.after()))
        .orElse(measured);
  }
}
