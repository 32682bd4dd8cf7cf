package dev.regroup.converters;

import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.PlannedTensor;
import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.converters.report.ConversionReport;
import dev.regroup.converters.report.LayerReport;
import dev.regroup.converters.report.ResourceUse;
import dev.regroup.converters.write.FinishedFile;
import dev.regroup.converters.write.FinishedLayer;
import dev.regroup.converters.write.SourceIdentity;
import dev.regroup.converters.write.SpaceNeeded;
import dev.regroup.converters.write.TargetDirectory;
import dev.regroup.converters.write.TargetFiles;
import dev.regroup.converters.write.WriteOptions;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.quantization.Quantizer;
import dev.regroup.formats.quantization.ScaledWeight;
import dev.regroup.formats.quantization.ScaledWeights;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.text.TokenWindows;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/// One run of a plan: layer after layer is converted and written, while unchanged tensors are copied
/// behind it.
final class Conversion {
  private final Checkpoint source;
  private final ConversionPlan plan;
  private final Optional<TokenWindows> calibration;
  private final ConversionOptions options;
  private final WriteOptions writing;
  private final Progress progress;
  private long spilledBytes;
  private final Map<String, ScaledWeight> requantized = new HashMap<>();
  private final Set<String> scales = new HashSet<>();

  Conversion(
      Checkpoint source,
      ConversionPlan plan,
      Optional<TokenWindows> calibration,
      ConversionOptions options,
      WriteOptions writing,
      Progress progress) {
    this.source = source;
    this.plan = plan;
    this.calibration = calibration;
    this.options = options;
    this.writing = writing;
    this.progress = progress;
    for (ScaledWeight weight : plan.requantized()) {
      requantized.put(weight.weight().name(), weight);
      scales.add(weight.scale().name());
    }
  }

  ConversionReport into(Path target) {
    ScaledWeights.requireSound(source);
    long begin = System.nanoTime();
    List<FinishedLayer> layers = List.of();
    var config = TargetConfig.of(source, plan, calibration, options);
    try (TargetDirectory directory =
        TargetDirectory.open(
            target, config.header(), SpaceNeeded.bytes(plan, source, writing), writing)) {
      if (!directory.complete()) {
        layers = write(directory, config);
      }
    }
    return new ConversionReport(
        source.path(),
        target,
        plan,
        calibration.map(TokenWindows::source).orElse("none"),
        calibration.map(TokenWindows::tokens).orElse(0L),
        layers.stream().map(FinishedLayer::report).toList(),
        new ResourceUse((System.nanoTime() - begin) / 1e9, PeakHeap.bytes(), spilledBytes));
  }

  private List<FinishedLayer> write(TargetDirectory directory, TargetConfig config) {
    try {
      List<FinishedLayer> layers;
      List<FinishedFile> shards;
      try (TargetFiles files =
          TargetFiles.begin(directory, plan, source, !options.allowNonFinite())) {
        layers = convertLayers(files);
        shards = files.finish(progress);
      }
      SourceIdentity.requireUnchanged(source.path(), config.header().sourceFiles());
      if (!writing.part().shared()) {
        List<AttentionSpec> attention = layers.stream().map(FinishedLayer::spec).toList();
        ModelSpec result = plan.target().withAttention(plan.target().architecture(), attention);
        List<LayerReport> reports = layers.stream().map(FinishedLayer::report).toList();
        directory.commit(config.write(directory.smallFiles(), result, reports, shards));
      }
      return layers;
    } catch (CheckpointException | UnsupportedModelException e) {
      throw e; // the source must change, and then nothing of this would be used
    } catch (UncheckedIOException e) {
      throw directory.keep() ? resumable(e) : e;
    } catch (RuntimeException | Error e) {
      directory.keep();
      throw e;
    }
  }

  private static UncheckedIOException resumable(UncheckedIOException e) {
    String said = String.valueOf(e.getMessage());
    return new UncheckedIOException(
        said
            + (said.contains(" -> ") ? "; " : " -> ")
            + "what is finished is kept: run it again with --resume",
        e.getCause() == null ? new IOException(e) : e.getCause());
  }

  private List<FinishedLayer> convertLayers(TargetFiles files) {
    int count = plan.source().layers().size();
    List<FinishedLayer> layers = new ArrayList<>();
    try (LayerConversion conversion =
        calibration.isPresent()
            ? new CalibratedConversion(source, plan, calibration.get(), options, progress)
            : new PriorConversion(source, plan, options)) {
      long pieces = conversion.pieces();
      progress.begin(
          pieces == 1 ? "converting layers" : "converting and fitting, steps", count * pieces);
      for (int layer = 0; layer < count; layer++) {
        if (writing.part().shared() && !files.needs(layer)) {
          conversion.skip(layer);
          progress.advance((layer + 1) * pieces, "layer %d: of another part".formatted(layer));
          continue;
        }
        FinishedLayer finished = finished(layer, files, conversion);
        layers.add(finished);
        conversion.advance(layer, finished.spec(), () -> written(finished, files));
        progress.advance((layer + 1) * pieces, detail(finished.report()));
      }
      spilledBytes = conversion.spilledBytes();
    }
    return layers;
  }

  private FinishedLayer finished(int layer, TargetFiles files, LayerConversion conversion) {
    Optional<FinishedLayer> restored = files.restored(layer);
    if (restored.isPresent()) {
      return restored.get();
    }
    LayerConversion.Converted converted = conversion.convert(layer);
    SortedMap<String, Double> requantized = write(files, layer, converted.tensors());
    var finished =
        new FinishedLayer(
            layer,
            converted.spec(),
            converted.report().withRequantized(requantized),
            Collections.emptySortedMap());
    files.finish(finished, conversion.costly());
    return finished;
  }

  /// @return by tensor that was quantised, what that lost
  private SortedMap<String, Double> write(
      TargetFiles files, int layer, Map<AttentionTensor, float[]> tensors) {
    SortedMap<String, Double> errors = new TreeMap<>();
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
          files.write(name, values);
        } else {
          Quantizer.Quantized quantised8 = Quantizer.quantize(quantised, values);
          files.write(name, quantised8.codes());
          String scale = quantised.scale().name();
          files.write(scale, quantised8.scales());
          errors.put(name, Quantizer.error(quantised, quantised8, values));
        }
      }
    }
    return errors;
  }

  /// The tensors of a layer's attention as they read from the output.
  private Map<AttentionTensor, float[]> written(FinishedLayer layer, TargetFiles files) {
    Map<AttentionTensor, float[]> tensors = new EnumMap<>(AttentionTensor.class);
    for (AttentionTensor tensor : layer.spec().tensors(plan.source().hiddenSize()).keySet()) {
      String name = tensor.in(layer.layer());
      tensors.put(tensor, files.writes(name) ? written(name, files) : source.floats(name));
    }
    return tensors;
  }

  private float[] written(String name, TargetFiles files) {
    float[] values = files.floats(name);
    ScaledWeight quantised = requantized.get(name);
    if (quantised != null) {
      Quantizer.dequantize(quantised, values, files.floats(quantised.scale().name()));
    }
    return values;
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
