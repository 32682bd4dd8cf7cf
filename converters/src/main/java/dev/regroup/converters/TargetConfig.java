package dev.regroup.converters;

import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.fit.FitPlan;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.Profile;
import dev.regroup.converters.report.LayerReport;
import dev.regroup.converters.write.FinishedFile;
import dev.regroup.converters.write.JournalHeader;
import dev.regroup.converters.write.SmallFiles;
import dev.regroup.converters.write.SourceIdentity;
import dev.regroup.formats.architecture.DeepseekConfig;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.architecture.ModellingFiles;
import dev.regroup.formats.architecture.Regrouped;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.manifest.Manifest;
import dev.regroup.formats.manifest.Sha256;
import dev.regroup.formats.quantization.IgnoredModules;
import dev.regroup.formats.safetensors.ShardIndex;
import dev.regroup.runtime.text.TokenWindows;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Writes what is not a tensor: side files, and last index, config and manifest, so that a directory
/// without them is not whole.
final class TargetConfig {
  private final Checkpoint source;
  private final ConversionPlan plan;
  private final JournalHeader header;

  private TargetConfig(Checkpoint source, ConversionPlan plan, JournalHeader header) {
    this.source = source;
    this.plan = plan;
    this.header = header;
  }

  /// What a conversion that begins writes.
  static TargetConfig of(
      Checkpoint source,
      ConversionPlan plan,
      Optional<TokenWindows> calibration,
      ConversionOptions options) {
    ObjectNode asked = JsonNodeFactory.instance.objectNode();
    asked.set("request", JsonMapper.shared().valueToTree(plan.request()));
    asked.put("allow_non_finite", options.allowNonFinite());
    asked.set("conversion", conversion(plan, calibration, options));
    if (calibration.isPresent()) {
      // devices round otherwise
      asked.put("backend", options.backend().getClass().getSimpleName());
    }
    return new TargetConfig(source, plan, header(source, plan, asked, options.toolVersion()));
  }

  /// What the parts of a conversion left to be written.
  ///
  /// @param begun by a part
  static TargetConfig of(Checkpoint source, ConversionPlan plan, JournalHeader begun) {
    return new TargetConfig(
        source, plan, header(source, plan, begun.options(), begun.toolVersion()));
  }

  /// What a conversion was asked for when it began.
  static ConversionRequest request(JournalHeader begun) {
    return JsonMapper.shared().treeToValue(begun.options().get("request"), ConversionRequest.class);
  }

  /// Writes side files, index, config and manifest, in this order.
  ///
  /// @param spec what the result is
  /// @param layers what became of each layer
  /// @param shards the files that hold tensors
  /// @return the manifest
  FinishedFile write(
      SmallFiles files, ModelSpec spec, List<LayerReport> layers, List<FinishedFile> shards) {
    List<FinishedFile> all = new ArrayList<>(shards);
    for (Path name : source.sideFiles()) {
      if (!name.equals(Path.of(ConversionRecord.FILE))
          && !ModellingFiles.NAMES.contains(name.toString())) {
        all.add(files.copy(source.sideFile(name), name));
      }
    }
    if (!plan.request().profile().isDeepseek()) {
      for (String name : ModellingFiles.NAMES) {
        all.add(files.write(Path.of(name), ModellingFiles.bytes(name)));
      }
    }
    if (layers.stream().anyMatch(TargetConfig::isToBeRecorded)) {
      all.add(write(files, ConversionRecord.FILE, ConversionRecord.render(layers)));
    }
    if (plan.shards().indexed()) {
      all.add(write(files, ShardIndex.FILE, ShardIndex.render(plan.shards())));
    }
    var provenance =
        new Regrouped.Provenance(
            header.toolVersion(), identity(), (ObjectNode) header.options().get("conversion"));
    all.add(write(files, "config.json", ModelConfig.render(config(spec, provenance))));
    return write(files, Manifest.FILE, manifest(all).render());
  }

  private static boolean isToBeRecorded(LayerReport layer) {
    return layer.measuredError().isPresent() || !layer.requantized().isEmpty();
  }

  private static FinishedFile write(SmallFiles files, String name, String text) {
    return files.write(Path.of(name), text.getBytes(StandardCharsets.UTF_8));
  }

  private Manifest manifest(List<FinishedFile> files) {
    return new Manifest(
        header.toolVersion(),
        header.fingerprint(),
        source.shards().stream()
            .map(
                shard ->
                    new Manifest.SourceFile(shard.file().getFileName().toString(), shard.bytes()))
            .toList(),
        files.stream()
            .map(file -> new Manifest.OutputFile(file.name(), file.bytes(), file.sha256()))
            .toList());
  }

  /// What the journal of this conversion is of.
  JournalHeader header() {
    return header;
  }

  private static JournalHeader header(
      Checkpoint source, ConversionPlan plan, ObjectNode asked, String toolVersion) {
    StringBuilder shards = new StringBuilder();
    plan.shards().files().forEach(file -> shards.append(file).append('\n'));
    return new JournalHeader(
        toolVersion,
        source.path().toAbsolutePath().normalize().toString(),
        SourceIdentity.of(source),
        asked,
        Sha256.of(shards.toString().getBytes(StandardCharsets.UTF_8)));
  }

  private ObjectNode config(ModelSpec target, Regrouped.Provenance provenance) {
    ObjectNode root =
        switch (plan.request().profile()) {
          case REGROUP, REFERENCE -> Regrouped.config(source.config(), target, provenance);
          case DEEPSEEK_V2, DEEPSEEK_V3 -> DeepseekConfig.of(source.config(), target, provenance);
        };
    IgnoredModules.add(root, plan.plainModules());
    return root;
  }

  /// What the source was: names and sizes of its files, no time and no path, so that equal conversions
  /// give equal bytes.
  private ObjectNode identity() {
    ObjectNode identity = JsonNodeFactory.instance.objectNode();
    ArrayNode files = identity.putArray("files");
    for (Checkpoint.Shard shard : source.shards()) {
      files
          .addObject()
          .put("name", shard.file().getFileName().toString())
          .put("bytes", shard.bytes());
    }
    return identity;
  }

  private static ObjectNode conversion(
      ConversionPlan plan, Optional<TokenWindows> calibration, ConversionOptions options) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    ConversionRequest request = plan.request();
    node.put("to", request.target().label());
    if (request.profile() != Profile.REGROUP) {
      node.put("profile", request.profile().label());
    }
    node.put("seed", options.seed());
    if (request.requantize()) {
      node.put("requantize", true);
    }
    calibration.ifPresent(
        windows -> {
          FitOptions fit = options.fit();
          node.put("fit_steps", FitPlan.of(fit, plan.target(), windows.windowTokens()).steps());
          ObjectNode how = node.putObject("fit");
          how.put("batch", fit.batch());
          how.put("tokens", fit.tokens());
          how.put("rate", fit.rate());
          how.put("mode", fit.mode().name().toLowerCase(Locale.ROOT));
          how.put("statistics_tokens", fit.statisticsTokens());
          ObjectNode text = node.putObject("calibration");
          text.put("tokens", windows.tokens());
          text.put("window_tokens", windows.windowTokens());
          text.put("sha256", windows.sha256());
        });
    return node;
  }
}
