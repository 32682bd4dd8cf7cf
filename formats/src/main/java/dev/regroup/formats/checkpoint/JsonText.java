package dev.regroup.formats.checkpoint;

import tools.jackson.core.JacksonException;

/// What the JSON parser complains of, as part of one line.
public final class JsonText {
  private JsonText() {}

  /// `line 3, column 7: expected JSON: ...`
  public static String complaint(JacksonException e) {
    var at = e.getLocation();
    String message = "expected JSON: " + Quoted.line(e.getOriginalMessage());
    return at == null || at.getLineNr() < 1
        ? message
        : "line %d, column %d: %s".formatted(at.getLineNr(), at.getColumnNr(), message);
  }
}
