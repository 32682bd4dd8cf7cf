package dev.regroup.cli.console;

import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Numbers as people write and read them.
public final class Quantity {
  private static final Pattern FORM = Pattern.compile("(\\d+(?:\\.\\d+)?)\\s*([A-Za-z]*)");

  private static final Map<String, Long> BYTE_UNITS =
      Map.of(
          "", 1L,
          "B", 1L,
          "KB", 1_000L,
          "MB", 1_000_000L,
          "GB", 1_000_000_000L,
          "TB", 1_000_000_000_000L,
          "KIB", 1L << 10,
          "MIB", 1L << 20,
          "GIB", 1L << 30,
          "TIB", 1L << 40);

  private static final Map<String, Long> COUNT_UNITS = Map.of("", 1L, "K", 1L << 10, "M", 1L << 20);

  private static final List<String> BYTE_NAMES = List.of("B", "kB", "MB", "GB", "TB", "PB");

  private Quantity() {}

  /// Reads `5GB` (decimal), `5GiB` (binary) or plain bytes.
  public static final class Bytes implements ITypeConverter<Long> {
    @Override
    public Long convert(String text) {
      return parse(text, BYTE_UNITS, "a size such as 5GB, 512MiB or 1000000");
    }
  }

  /// Reads `65536`, `64K` or `2M`, in steps of 1024 as token counts are.
  public static final class Count implements ITypeConverter<Long> {
    @Override
    public Long convert(String text) {
      return parse(text, COUNT_UNITS, "a count such as 65536, 64K or 2M");
    }
  }

  private static long parse(String text, Map<String, Long> units, String expected) {
    Matcher matcher = FORM.matcher(text.strip());
    Long unit = matcher.matches() ? units.get(matcher.group(2).toUpperCase(Locale.ROOT)) : null;
    if (unit == null) {
      throw new TypeConversionException("expected %s, found '%s'".formatted(expected, text));
    }
    try {
      return new BigDecimal(matcher.group(1)).multiply(BigDecimal.valueOf(unit)).longValueExact();
    } catch (ArithmeticException e) {
      throw new TypeConversionException(
          "expected %s that is whole and fits 64 bits, found '%s'".formatted(expected, text));
    }
  }

  /// Bytes with three digits and a decimal unit: `13.6 MB`.
  public static String bytes(long bytes) {
    double value = bytes;
    int unit = 0;
    while (value >= 999.5 && unit < BYTE_NAMES.size() - 1) {
      value /= 1000;
      unit++;
    }
    return unit == 0 ? bytes + " B" : significant(value) + " " + BYTE_NAMES.get(unit);
  }

  /// An integer with its thousands set apart: `6,820,096`.
  public static String grouped(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  /// Three significant digits, without an exponent between 0.001 and 10^6.
  public static String significant(double value) {
    if (value == 0) {
      return "0";
    }
    double size = Math.abs(value);
    if (size < 0.001 || size >= 1e6) {
      return String.format(Locale.ROOT, "%.2e", value);
    }
    int decimals =
        size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : size >= 0.09995 ? 3 : 4;
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /// A part of a whole: `18.1 %`.
  public static String percent(long part, long whole) {
    return String.format(Locale.ROOT, "%.1f %%", whole == 0 ? 0 : 100.0 * part / whole);
  }

  /// A time span: `0.8 s`, `47 s`, `3 min 05 s`, `2 h 10 min`.
  public static String duration(double seconds) {
    long whole = Math.round(seconds);
    if (seconds < 9.95) {
      return String.format(Locale.ROOT, "%.1f s", seconds);
    }
    if (whole < 60) {
      return whole + " s";
    }
    if (whole < 3600) {
      return String.format(Locale.ROOT, "%d min %02d s", whole / 60, whole % 60);
    }
    return String.format(Locale.ROOT, "%d h %02d min", whole / 3600, whole / 60 % 60);
  }
}
