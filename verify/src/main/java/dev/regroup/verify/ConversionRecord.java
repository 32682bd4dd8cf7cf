package dev.regroup.verify;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.verify.report.ConvertedLayer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The errors that a conversion left beside its target, where there is such a file.
final class ConversionRecord {
  private static final Path FILE = Path.of("regroup.conversion.json");

  private ConversionRecord() {}

  /// Layers that were fitted; none where the target has no record.
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where the record is none
  static List<ConvertedLayer> of(Checkpoint target) {
    if (!target.sideFiles().contains(FILE)) {
      return List.of();
    }
    List<ConvertedLayer> layers = new ArrayList<>();
    for (ModelConfig layer : ModelConfig.read(target.sideFile(FILE)).objects("layers")) {
      layer
          .object("fit")
          .ifPresent(
              fit ->
                  layers.add(
                      new ConvertedLayer(
                          layer.integer("layer"),
                          fit.number("error_before"),
                          fit.number("error_after"))));
    }
    return layers;
  }
}
