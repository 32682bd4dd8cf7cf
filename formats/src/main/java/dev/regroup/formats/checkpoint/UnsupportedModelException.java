package dev.regroup.formats.checkpoint;

/// Well-formed, but nothing here reads or converts it: choose another model or layout.
public final class UnsupportedModelException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /// @param message one line: where: what: expected, found -> what to do
  public UnsupportedModelException(String message) {
    super(message);
  }
}
