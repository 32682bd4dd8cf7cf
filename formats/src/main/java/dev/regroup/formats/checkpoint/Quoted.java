package dev.regroup.formats.checkpoint;

/// Text from a file, made fit for one line of an error: quoted, escaped, and cut where it is long.
public final class Quoted {
  private static final int LONGEST = 200;

  private Quoted() {}

  /// The text in double quotes.
  public static String of(String text) {
    return '"' + line(text) + '"';
  }

  /// The text without quotes: control characters and halves of surrogate pairs escaped.
  public static String line(String text) {
    StringBuilder line = new StringBuilder();
    for (int at = 0; at < text.length(); ) {
      if (line.length() >= LONGEST) {
        return line + "...";
      }
      int point = text.codePointAt(at);
      at += Character.charCount(point);
      if (Character.isISOControl(point) || isHalf(point)) {
        line.append("\\u%04x".formatted(point));
      } else {
        line.appendCodePoint(point);
      }
    }
    return line.toString();
  }

  private static boolean isHalf(int point) {
    return point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE;
  }
}
