package dev.regroup.runtime.device;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What the user wants models to run on.
public sealed interface DeviceChoice {
  /// An NVIDIA GPU where one is usable, else the CPU.
  record Automatic() implements DeviceChoice {}

  /// The CPU.
  record Cpu() implements DeviceChoice {}

  /// The NVIDIA GPU of this number, and nothing else.
  record Cuda(int ordinal) implements DeviceChoice {}

  /// Reads `auto`, `cpu`, `cuda` or `cuda:N`.
  ///
  /// @throws IllegalArgumentException for anything else
  static DeviceChoice parse(String text) {
    Matcher cuda = Pattern.compile("cuda(?::(\\d{1,4}))?").matcher(text.toLowerCase(Locale.ROOT));
    if (cuda.matches()) {
      return new Cuda(cuda.group(1) == null ? 0 : Integer.parseInt(cuda.group(1)));
    }
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "auto" -> new Automatic();
      case "cpu" -> new Cpu();
      default ->
          throw new IllegalArgumentException(
              "device: expected auto, cpu, cuda or cuda:N, found \"%s\"".formatted(text));
    };
  }
}
