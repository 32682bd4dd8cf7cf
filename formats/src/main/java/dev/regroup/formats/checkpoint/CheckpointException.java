package dev.regroup.formats.checkpoint;

/// A file is not what it says it is: fix the file.
///
/// The message is one line: where: what: expected, found -> what to do.
public class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /// @param message one line: where: what: expected, found -> what to do
  public CheckpointException(String message) {
    super(message);
  }

  /// @param message one line: where: what: expected, found -> what to do
  /// @param cause what the platform said
  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
