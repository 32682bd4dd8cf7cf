package dev.regroup.verify;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.verify.report.ConversionFindings;
import dev.regroup.verify.report.ConvertedLayer;
import dev.regroup.verify.report.RequantizedTensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The errors that a conversion left beside its target, where there is such a file.
final class ConversionRecord {
  private static final Path FILE = Path.of("regroup.conversion.json");

  private ConversionRecord() {}

  /// What it says; nothing where the target has no record.
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where the record is none
  static ConversionFindings of(Checkpoint target) {
    if (!target.sideFiles().contains(FILE)) {
      return ConversionFindings.NONE;
    }
    List<ConvertedLayer> fitted = new ArrayList<>();
    List<RequantizedTensor> requantized = new ArrayList<>();
    for (ModelConfig layer : ModelConfig.read(target.sideFile(FILE)).objects("layers")) {
      layer.object("fit").ifPresent(fit -> fitted.add(fitted(layer, fit)));
      layer
          .object("requantized")
          .ifPresent(
              errors ->
                  errors
                      .copy()
                      .propertyNames()
                      .forEach(
                          name ->
                              requantized.add(new RequantizedTensor(name, errors.number(name)))));
    }
    return new ConversionFindings(fitted, requantized);
  }

  private static ConvertedLayer fitted(ModelConfig layer, ModelConfig fit) {
    return new ConvertedLayer(
        layer.integer("layer"), fit.number("error_before"), fit.number("error_after"));
  }
}
