package dev.regroup.runtime;

/// Told how far a long task is. Implementations may be called from several threads.
public interface Progress {
  /// Hears nothing.
  Progress NONE =
      new Progress() {
        @Override
        public void begin(String stage, long total) {}

        @Override
        public void advance(long done, String detail) {}
      };

  /// A stage begins.
  ///
  /// @param stage what is being done, a few words
  /// @param total in whatever unit {@link #advance} counts, 0 where unknown
  void begin(String stage, long total);

  /// So much of the stage is done.
  ///
  /// @param done from 0 to the stage's total
  /// @param detail such as `layer 3: error 0.021`; may be empty
  void advance(long done, String detail);
}
