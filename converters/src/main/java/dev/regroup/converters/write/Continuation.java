package dev.regroup.converters.write;

/// What a run does with the work that an interrupted one left beside the target.
public enum Continuation {
  /// Goes on with it where it is of the same conversion; refuses to touch it otherwise.
  AUTOMATIC,
  /// The same; and a target that the same conversion completed already is success, too.
  RESUME,
  /// Removes it.
  RESTART
}
