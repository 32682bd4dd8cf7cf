package dev.regroup.converters;

import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.Profile;
import dev.regroup.formats.architecture.DeepseekConfig;
import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.fit.FitPlan;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.architecture.Regrouped;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.runtime.text.TokenWindows;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Optional;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Writes what is not a tensor: side files, and last the config, so that a directory without one is not
/// whole.
final class TargetConfig {
  private final Checkpoint source;
  private final ConversionPlan plan;
  private final Optional<TokenWindows> calibration;
  private final ConversionOptions options;

  TargetConfig(
      Checkpoint source,
      ConversionPlan plan,
      Optional<TokenWindows> calibration,
      ConversionOptions options) {
    this.source = source;
    this.plan = plan;
    this.calibration = calibration;
    this.options = options;
  }

  /// Writes side files and config.
  ///
  /// @param target what the result is
  void write(Path directory, ModelSpec target) {
    for (Path name : source.sideFiles()) {
      copy(source.path().resolve(name), directory.resolve(name));
    }
    var provenance = new Regrouped.Provenance(options.toolVersion(), identity(), conversion());
    Path config = directory.resolve("config.json");
    ModelConfig.write(config, config(target, provenance));
    sync(config);
  }

  private ObjectNode config(ModelSpec target, Regrouped.Provenance provenance) {
    return switch (plan.request().profile()) {
      case REGROUP, REFERENCE -> Regrouped.config(source.config(), target, provenance);
      case DEEPSEEK_V2, DEEPSEEK_V3 -> DeepseekConfig.of(source.config(), target, provenance);
    };
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

  private ObjectNode conversion() {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    ConversionRequest request = plan.request();
    node.put("to", request.target().label());
    if (request.profile() != Profile.REGROUP) {
      node.put("profile", request.profile().label());
    }
    node.put("seed", options.seed());
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

  private static void copy(Path from, Path to) {
    try {
      Path parent = to.getParent();
      if (parent != null) {
        Files.createDirectories(parent);
      }
      // follows links: the output holds files, never links
      Files.copy(from.toRealPath(), to);
      sync(to);
    } catch (IOException e) {
      throw new UncheckedIOException(to + ": could not copy " + from + ": " + e.getMessage(), e);
    }
  }

  private static void sync(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": could not be synced: " + e.getMessage(), e);
    }
  }
}
