package dev.regroup.cli;

import dev.regroup.cli.console.Console;
import dev.regroup.cli.console.Quantity;
import dev.regroup.converters.ConversionOptions;
import dev.regroup.converters.fit.FitOptions;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.decode.SelfSampler;
import dev.regroup.runtime.text.TokenWindows;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// What a conversion is calibrated on.
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class CalibrationOptions {
  private static final long DEFAULT_TOKENS = 64 << 10;

  @Option(
      names = "--calibration",
      paramLabel = "FILE|DIR|self",
      description =
          "Text like what the model is used for: plain text (documents separated by NUL) or JSON"
              + " lines with \"text\" or \"tokens\"; a directory is read in name order. \"self\":"
              + " text that the source model samples itself, so that none is needed (a folder of"
              + " that name is ./self).")
  private @Nullable String calibration;

  @Option(
      names = "--calibration-tokens",
      paramLabel = "N",
      converter = Quantity.Count.class,
      description =
          "Tokens that the closed form's statistics are taken on at most, spread over the text; K"
              + " is 1024. Default: 64K; where the source samples its own text, no more of it than"
              + " takes about ten minutes.")
  private @Nullable Long tokens;

  /// Tokens that the closed form's statistics are taken on at most.
  long statisticsTokens() {
    return tokens == null ? DEFAULT_TOKENS : tokens;
  }

  /// Whether there is any text.
  boolean given() {
    return calibration != null;
  }

  /// The windows to calibrate and to fit on; nothing without calibration text.
  ///
  /// @param fitTokens what the fit would see at most, where the user gave a number; 0 without a fit
  /// @param options seed and backend of sampled text
  Optional<TokenWindows> windows(
      Console console, Checkpoint checkpoint, OptionalLong fitTokens, ConversionOptions options) {
    if (calibration == null) {
      console.notice(
          "note: no calibration text, so that the weights alone decide -> --calibration"
              + " FILE|DIR|self does better");
      return Optional.empty();
    }
    if (calibration.equals("self")) {
      return Optional.of(sampled(console, checkpoint, fitTokens, options));
    }
    long wanted = Math.max(statisticsTokens(), fitTokens.orElse(FitOptions.DEFAULT.tokens()));
    return Optional.of(
        TokenWindows.read(
            checkpoint, Path.of(calibration), Windows.tokens(checkpoint), wanted, true));
  }

  private TokenWindows sampled(
      Console console, Checkpoint checkpoint, OptionalLong fitTokens, ConversionOptions options) {
    ModelSpec spec = Checkpoints.describe(checkpoint);
    int windowTokens = Windows.tokens(checkpoint);
    OptionalLong given = tokens == null ? OptionalLong.empty() : OptionalLong.of(tokens);
    long sampled =
        new SampledTokens(given, fitTokens)
            .of(
                DEFAULT_TOKENS,
                FitOptions.DEFAULT.tokens(),
                most -> SelfSampler.affordableTokens(spec, windowTokens, most));
    int windows = (int) Math.max(1, sampled / windowTokens);
    return SelfSampler.of(checkpoint, spec, options.backend(), options.seed())
        .sample(windows, windowTokens, console.progress());
  }
}
