package dev.regroup.runtime;

/// The device asked for is not here, is too old, is out of memory or failed: look at the machine.
public final class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /// @param message one line: where: what: expected, found -> what to do
  public DeviceException(String message) {
    super(message);
  }

  /// @param message one line: where: what: expected, found -> what to do
  public DeviceException(String message, Throwable cause) {
    super(message, cause);
  }
}
