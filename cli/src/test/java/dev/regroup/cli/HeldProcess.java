package dev.regroup.cli;

import dev.regroup.cli.console.Terminal;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A real process whose command line stops in the middle, at a line of its progress, as if whoever
/// reads its standard error had stopped reading; so no race is left to luck.
final class HeldProcess implements AutoCloseable {
  private static final String HELD = "held";

  private final Process process;
  private final BufferedReader words;

  private HeldProcess(Process process) {
    this.process = process;
    words = process.inputReader();
  }

  /// Starts a process, and returns once it has come to a line of standard error that begins so.
  static HeldProcess at(String line, Object... arguments) throws IOException {
    List<Object> all = new ArrayList<>(List.of(line));
    all.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command(Stopping.class, all.toArray()))
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    HeldProcess held = new HeldProcess(process);
    if (!HELD.equals(held.words.readLine())) {
      held.close();
      throw new IllegalStateException("it never came to: " + line);
    }
    return held;
  }

  /// What starts a process with a main class of the tests.
  static List<String> command(Class<?> main, Object... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData"));
    command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
    command.add("--enable-native-access=ALL-UNNAMED");
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    Arrays.stream(arguments).map(Object::toString).forEach(command::add);
    return command;
  }

  /// Lets it go on to its end; its exit code.
  int goOn() throws IOException, InterruptedException {
    process.getOutputStream().close();
    return process.waitFor();
  }

  /// Tells it to end, as a terminal or a cluster does; its exit code.
  int terminate() throws InterruptedException {
    process.destroy();
    return process.waitFor();
  }

  /// Ends it without telling it.
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  @Override
  public void close() throws IOException {
    process.destroyForcibly();
    words.close();
  }

  /// What such a process runs: the command line behind a line to stop at.
  static final class Stopping {
    private Stopping() {}

    public static void main(String[] arguments) {
      var out = new PrintWriter(Writer.nullWriter());
      var err = new PrintWriter(new StoppingWriter(arguments[0]));
      String[] line = Arrays.copyOfRange(arguments, 1, arguments.length);
      System.exit(Main.run(out, err, Terminal.NONE, line));
    }
  }

  private static final class StoppingWriter extends Writer {
    private final String line;
    private final StringBuilder written = new StringBuilder();
    private boolean stopped;

    StoppingWriter(String line) {
      this.line = line;
    }

    @Override
    public void write(char[] text, int from, int count) throws IOException {
      written.append(text, from, count);
      System.err.print(new String(text, from, count));
      if (!stopped && ("\n" + written).contains("\n" + line)) {
        stopped = true;
        System.out.write((HELD + "\n").getBytes(StandardCharsets.UTF_8));
        System.out.flush();
        while (System.in.read() >= 0) {
          // until it is closed
        }
      }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }
}
