package dev.regroup.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;

/// The standard error that the user gave us.
///
/// The virtual machine greets with a warning about the incubating Vector API, and no flag silences
/// it. So the launcher hands us the user's standard error as another descriptor, named in a system
/// property, and keeps the machine's own lines apart on descriptor 2, where it drops that warning.
final class StandardError {
  private static final String PROPERTY = "regroup.stderr";

  private StandardError() {}

  /// The user's standard error; also made {@link System#err}.
  static PrintStream open() {
    Integer descriptor = Integer.getInteger(PROPERTY);
    if (descriptor != null) {
      try {
        Constructor<FileDescriptor> constructor =
            FileDescriptor.class.getDeclaredConstructor(int.class);
        constructor.setAccessible(true);
        var stream = new FileOutputStream(constructor.newInstance(descriptor));
        System.setErr(new PrintStream(stream, true, System.err.charset()));
      } catch (ReflectiveOperationException | RuntimeException e) {
        return System.err; // descriptor 2 shows everything as well, only less directly
      }
    }
    return System.err;
  }
}
