package dev.regroup.cli;

import dev.regroup.cli.console.Quantity;
import dev.regroup.converters.fit.FitOptions;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// How converted layers are fitted: the options that `plan` and `convert` share.
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class FitSettings {
  @Option(
      names = "--fit-steps",
      paramLabel = "N",
      description =
          "Steps that train each converted layer to give what the source's gives, on calibration"
              + " text; 0 leaves the closed form. Default: as many as take minutes on a few cores,"
              + " at most 400; plan shows them. More is better.")
  private @Nullable Integer steps;

  @Option(
      names = "--fit-tokens",
      paramLabel = "N",
      converter = Quantity.Count.class,
      description =
          "Tokens of calibration text that the fit draws from at most; K is 1024. Default: 128K;"
              + " where the source samples its own text, no more of it than takes about ten"
              + " minutes.")
  private @Nullable Long tokens;

  @Option(
      names = "--fit-batch",
      paramLabel = "N",
      defaultValue = "4",
      description = "Windows that a step sees. Default: 4.")
  private int batch;

  @Option(
      names = "--fit-lr",
      paramLabel = "R",
      defaultValue = "0.03",
      description =
          "Learning rate: how far an element moves in a first step, relative to the root mean"
              + " square of its matrix; it falls to 0. Default: 0.03.")
  private double rate;

  @Option(
      names = "--fit-mode",
      paramLabel = "MODE",
      defaultValue = "sequential",
      description =
          "sequential: a layer is fed what the converted layers before it give, and puts right what"
              + " they lost; parallel: it is fed what the source gives. Default: sequential.")
  private FitOptions.Mode mode;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      converter = Quantity.Bytes.class,
      description =
          "Activations to keep in memory; the rest goes to a file in the folder of --scratch. GiB"
              + " is binary. Default: half of the heap.")
  private @Nullable Long memory;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  /// The options that these spell, the closed form's as by default.
  FitOptions options() {
    return options(FitOptions.DEFAULT.statisticsTokens());
  }

  /// The options that these spell.
  ///
  /// @param statisticsTokens tokens for the closed form
  /// @throws ParameterException where a number is out of range
  FitOptions options(long statisticsTokens) {
    require(steps == null || steps >= 0, "--fit-steps", "0 or more", steps);
    require(batch >= 1, "--fit-batch", "at least 1", batch);
    require(rate > 0 && rate < 1, "--fit-lr", "between 0 and 1", rate);
    return new FitOptions(
        steps == null ? OptionalInt.empty() : OptionalInt.of(steps),
        batch,
        tokens == null ? FitOptions.DEFAULT.tokens() : tokens,
        rate,
        mode,
        statisticsTokens,
        memory == null ? Runtime.getRuntime().maxMemory() / 2 : memory);
  }

  private void require(boolean fine, String option, String expected, @Nullable Object found) {
    if (!fine) {
      throw new ParameterException(
          spec.commandLine(), "%s: expected %s, found %s".formatted(option, expected, found));
    }
  }

  /// Tokens of text for the fit, where the user gave a number; 0 where there is no fit.
  OptionalLong givenTokens() {
    if (steps != null && steps == 0) {
      return OptionalLong.of(0);
    }
    return tokens == null ? OptionalLong.empty() : OptionalLong.of(tokens);
  }
}
