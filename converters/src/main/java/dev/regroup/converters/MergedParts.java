package dev.regroup.converters;

import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.report.ConversionReport;
import dev.regroup.converters.report.LayerReport;
import dev.regroup.converters.report.ResourceUse;
import dev.regroup.converters.write.FinishedFile;
import dev.regroup.converters.write.FinishedLayer;
import dev.regroup.converters.write.JournalHeader;
import dev.regroup.converters.write.PartJournals;
import dev.regroup.converters.write.SourceIdentity;
import dev.regroup.converters.write.TargetDirectory;
import dev.regroup.converters.write.WriteOptions;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// One target out of what several processes converted of it.
final class MergedParts {
  private final Checkpoint source;
  private final WriteOptions writing;
  private final Progress progress;

  MergedParts(Checkpoint source, WriteOptions writing, Progress progress) {
    this.source = source;
    this.writing = writing;
    this.progress = progress;
  }

  ConversionReport into(Path target) {
    long begin = System.nanoTime();
    try (TargetDirectory directory = TargetDirectory.ofParts(target, writing)) {
      PartJournals parts = directory.parts();
      ConversionPlan plan = Conversions.plan(source, TargetConfig.request(parts.header()));
      List<LayerReport> reports = reports(parts);
      if (!directory.complete()) {
        commit(directory, plan, reports);
      }
      return report(target, plan, parts.header(), reports, begin);
    }
  }

  private void commit(TargetDirectory directory, ConversionPlan plan, List<LayerReport> reports) {
    PartJournals parts = directory.parts();
    TargetConfig config = TargetConfig.of(source, plan, parts.header());
    requireSame(directory.target(), parts.header(), config.header());
    progress.begin("checking the files of all parts", plan.shards().files().size());
    List<FinishedFile> shards = parts.files(plan.shards());
    SourceIdentity.requireUnchanged(source.path(), parts.header().sourceFiles());
    ModelSpec result = spec(plan, parts.layers());
    directory.commit(config.write(directory.smallFiles(), result, reports, shards));
  }

  private static List<LayerReport> reports(PartJournals parts) {
    return parts.layers().values().stream()
        .map(FinishedLayer::report)
        .sorted(Comparator.comparingInt(LayerReport::layer))
        .toList();
  }

  private ConversionReport report(
      Path target,
      ConversionPlan plan,
      JournalHeader parts,
      List<LayerReport> reports,
      long begin) {
    return new ConversionReport(
        source.path(),
        target,
        plan,
        parts.options().has("calibration") ? "text" : "none",
        0,
        reports,
        new ResourceUse((System.nanoTime() - begin) / 1e9, PeakHeap.bytes(), 0));
  }

  private static ModelSpec spec(ConversionPlan plan, Map<Integer, FinishedLayer> layers) {
    List<AttentionSpec> attention = new ArrayList<>();
    for (int layer = 0; layer < plan.target().layers().size(); layer++) {
      FinishedLayer finished = layers.get(layer);
      attention.add(
          finished == null ? plan.target().layers().get(layer).attention() : finished.spec());
    }
    return plan.target().withAttention(plan.target().architecture(), attention);
  }

  private static void requireSame(Path target, JournalHeader begun, JournalHeader now) {
    Optional<String> difference = begun.difference(now);
    if (difference.isPresent()) {
      String line =
          "%s: the parts are of another %s -> merge with what they were converted from"
              .formatted(target, difference.get());
      throw new UncheckedIOException(line, new IOException(line));
    }
  }
}
