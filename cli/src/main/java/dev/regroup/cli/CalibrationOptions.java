package dev.regroup.cli;

import dev.regroup.cli.console.Console;
import dev.regroup.cli.console.Quantity;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.decode.SelfSampler;
import dev.regroup.runtime.text.TokenWindows;
import java.nio.file.Path;
import java.util.Optional;
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
          "Tokens to calibrate on at most, spread over the text; K is 1024. Default: 64K; where the"
              + " source samples its own, as many of them as take about ten minutes.")
  private @Nullable Long tokens;

  /// The windows to calibrate on; nothing without calibration text.
  ///
  /// @param seed of sampled text
  Optional<TokenWindows> windows(Console console, Checkpoint checkpoint, long seed) {
    if (calibration == null) {
      console.notice(
          "note: no calibration text, so that the weights alone decide -> --calibration"
              + " FILE|DIR|self does better");
      return Optional.empty();
    }
    int windowTokens = Windows.tokens(checkpoint);
    return Optional.of(
        calibration.equals("self")
            ? sampled(console, checkpoint, windowTokens, seed)
            : TokenWindows.read(
                checkpoint,
                Path.of(calibration),
                windowTokens,
                tokens == null ? DEFAULT_TOKENS : tokens,
                true));
  }

  private TokenWindows sampled(
      Console console, Checkpoint checkpoint, int windowTokens, long seed) {
    ModelSpec spec = Checkpoints.describe(checkpoint);
    long wanted =
        tokens == null
            ? SelfSampler.affordableTokens(spec, windowTokens, DEFAULT_TOKENS)
            : tokens;
    int windows = (int) Math.max(1, wanted / windowTokens);
    return SelfSampler.of(checkpoint, spec, seed).sample(windows, windowTokens, console.progress());
  }
}
