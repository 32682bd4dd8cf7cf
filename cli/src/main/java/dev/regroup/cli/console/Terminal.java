package dev.regroup.cli.console;

/// What is at the other end of standard error.
///
/// Java can only tell whether standard input and output are terminals, so the launcher says it of
/// standard error, in system properties.
///
/// @param interactive whether it is a terminal: a line can be drawn again
/// @param columns its width in characters
public record Terminal(boolean interactive, int columns) {
  /// A pipe or a file.
  public static final Terminal NONE = new Terminal(false, 80);

  /// What the launcher said.
  public static Terminal ofLauncher() {
    return new Terminal(
        Boolean.getBoolean("regroup.terminal"),
        Math.max(40, Integer.getInteger("regroup.columns", 80)));
  }
}
