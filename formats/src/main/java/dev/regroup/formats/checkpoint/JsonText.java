package dev.regroup.formats.checkpoint;

import tools.jackson.core.JacksonException;

/// What the JSON parser complains of, as part of one line.
public final class JsonText {
  private JsonText() {}

  /// `line 3, column 7: expected JSON: ...`
  public static String complaint(JacksonException e) {
    var at = e.getLocation();
    String message = "expected JSON: " + Quoted.line(withoutAdvice(e.getOriginalMessage()));
    return at == null || at.getLineNr() < 1
        ? message
        : "line %d, column %d: %s".formatted(at.getLineNr(), at.getColumnNr(), message);
  }

  // The parser goes on about its own settings, which the reader of the message cannot change.
  private static String withoutAdvice(String message) {
    return message.replaceFirst("(?s)( \\(start marker|: enable `|, from `|; consider).*", "");
  }
}
