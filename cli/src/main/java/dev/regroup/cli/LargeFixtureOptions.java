package dev.regroup.cli;

import dev.regroup.fixtures.Fixtures;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How much of a large sample model is written.
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class LargeFixtureOptions {
  @Option(
      names = "--layers",
      paramLabel = "N",
      description = "Large models: only the first N of 60 layers.")
  private @Nullable Integer layers;

  @Option(
      names = "--experts",
      paramLabel = "N",
      description = "Large models: only N of 160 experts in each layer, a multiple of 16.")
  private @Nullable Integer experts;

  @Option(
      names = "--dense",
      description = "Large models: fill every tensor, instead of leaving holes for the experts.")
  private boolean dense;

  /// Whether any was given, or the model is a large one.
  boolean concern(String name) {
    return layers != null
        || experts != null
        || dense
        || Fixtures.large().stream().anyMatch(fixture -> fixture.name().equals(name));
  }

  void write(String name, Path directory, long seed) {
    Fixtures.writeLarge(
        name,
        directory,
        seed,
        layers == null ? 60 : layers,
        experts == null ? 160 : experts,
        dense);
  }
}
