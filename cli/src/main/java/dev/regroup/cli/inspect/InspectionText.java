package dev.regroup.cli.inspect;

import dev.regroup.cli.console.Quantity;
import dev.regroup.cli.console.Table;
import dev.regroup.formats.architecture.FeedForward;
import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.List;

/// An inspection for people.
public final class InspectionText {
  private static final int MOST_SHARDS = 8;

  private final Inspection inspection;
  private final List<String> lines = new ArrayList<>();

  private InspectionText(Inspection inspection) {
    this.inspection = inspection;
  }

  /// The lines to print.
  public static List<String> of(Inspection inspection) {
    var text = new InspectionText(inspection);
    text.addHeading();
    text.addStored();
    inspection.model().ifPresent(text::addAttention);
    inspection.model().ifPresent(text::addCache);
    if (inspection.model().isEmpty()) {
      text.addTensors();
    }
    return text.lines;
  }

  private void addHeading() {
    if (inspection.model().isEmpty()) {
      lines.add(inspection.path() + ": one file of weights without a config");
      return;
    }
    ModelSpec model = inspection.model().get();
    lines.add("%s: %s".formatted(inspection.path(), model.architecture()));
    lines.add(
        "  %d layers%s, hidden size %d, vocabulary %d, up to %d positions, %s embeddings"
            .formatted(
                model.layers().size(),
                model.extraLayers() > 0 ? " and %d extra".formatted(model.extraLayers()) : "",
                model.hiddenSize(),
                model.vocabularySize(),
                model.maxPositions(),
                model.tiedEmbeddings() ? "tied" : "untied"));
    mixture(model).ifPresent(lines::add);
  }

  private static java.util.Optional<String> mixture(ModelSpec model) {
    return model.layers().stream()
        .map(LayerSpec::feedForward)
        .filter(FeedForward.Mixture.class::isInstance)
        .map(FeedForward.Mixture.class::cast)
        .findFirst()
        .map(
            mixture ->
                "  mixture of %d experts of %d, %d a token, %d shared"
                    .formatted(
                        mixture.experts(),
                        mixture.intermediateSize(),
                        mixture.routing().expertsPerToken(),
                        mixture.sharedExperts()));
  }

  private void addStored() {
    String attention =
        inspection
            .model()
            .map(Inspection::attentionParameters)
            .map(
                elements ->
                    "; attention %s (%s)"
                        .formatted(
                            Quantity.grouped(elements),
                            Quantity.percent(elements, inspection.parameters())))
            .orElse("");
    lines.add("  parameters %s%s".formatted(Quantity.grouped(inspection.parameters()), attention));
    lines.add("");
    var dtypes = new Table("dtype", "tensors", "elements", "bytes");
    inspection
        .dtypes()
        .forEach(
            (Dtype dtype, Inspection.Stored stored) ->
                dtypes.row(
                    dtype,
                    stored.tensors(),
                    Quantity.grouped(stored.elements()),
                    Quantity.bytes(stored.bytes())));
    lines.addAll(dtypes.lines());
    lines.add("");
    addShards();
  }

  private void addShards() {
    List<Checkpoint.Shard> shards = inspection.shards();
    var table = new Table("shard", "tensors", "bytes");
    for (Checkpoint.Shard shard : shards.subList(0, Math.min(shards.size(), MOST_SHARDS))) {
      table.row(
          String.valueOf(shard.file().getFileName()),
          shard.tensors().size(),
          Quantity.bytes(shard.bytes()));
    }
    lines.addAll(table.lines());
    if (shards.size() > MOST_SHARDS) {
      lines.add("  and %d more, listed by --json".formatted(shards.size() - MOST_SHARDS));
    }
  }

  private void addAttention(ModelSpec model) {
    lines.add("");
    lines.add("Attention");
    var table = new Table("layers", "layout", "heads", "cached a token", "window", "rope");
    for (LayerRun run : LayerRun.alike(model.layers())) {
      AttentionLayout layout = run.attention().layout();
      table.row(
          run.label(),
          layout.label(),
          LayoutText.heads(layout),
          LayoutText.row(layout.cacheRow()),
          run.attention().window() == 0 ? "none" : run.attention().window(),
          RopeSummary.of(run.attention()).label(run.attention().rope()));
    }
    lines.addAll(table.lines());
  }

  private void addCache(ModelSpec model) {
    lines.add("");
    lines.add("KV cache (%d bytes an element)".formatted(Inspection.CACHE_ELEMENT_BYTES));
    for (LayerRun run : LayerRun.alike(model.layers())) {
      lines.add(
          "  per token and layer: %s B (layers %s)"
              .formatted(
                  Quantity.grouped(
                      (long) run.attention().layout().cacheRow().elements()
                          * Inspection.CACHE_ELEMENT_BYTES),
                  run.label()));
    }
    long whole = Inspection.cacheBytesPerToken(model, 1);
    lines.add(
        "  per token: %s B; %s for %s tokens"
            .formatted(
                Quantity.grouped(whole),
                Quantity.bytes(whole * model.maxPositions()),
                Quantity.grouped(model.maxPositions())));
    var table = new Table("tensor parallel", "bytes per token and device", "of one device");
    for (int ranks : Inspection.TENSOR_PARALLEL) {
      long bytes = Inspection.cacheBytesPerToken(model, ranks);
      table.row(ranks, Quantity.grouped(bytes), Quantity.percent(bytes, whole));
    }
    lines.addAll(table.lines());
  }

  private void addTensors() {
    lines.add("");
    var table = new Table("tensor", "dtype", "shape", "bytes");
    for (TensorInfo info : inspection.tensors()) {
      table.row(info.name(), info.dtype(), info.shape(), Quantity.bytes(info.bytes()));
    }
    lines.addAll(table.lines());
  }
}
