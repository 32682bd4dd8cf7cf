package dev.regroup.cli.console;

import dev.regroup.runtime.Progress;
import java.io.PrintWriter;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// The two streams of a command. Results go to standard output, either as text or, where JSON was
/// asked for, as JSON and nothing else; notices and progress go to standard error.
public final class Console implements AutoCloseable {
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private final PrintWriter out;
  private final PrintWriter err;
  private final boolean json;
  private final boolean quiet;
  private final Meter meter;

  /// @param json whether results are wanted as JSON
  /// @param quiet whether notices and progress are unwanted
  public Console(PrintWriter out, PrintWriter err, Terminal terminal, boolean json, boolean quiet) {
    this.out = out;
    this.err = err;
    this.json = json;
    this.quiet = quiet;
    this.meter = new Meter(err, terminal, System::nanoTime);
  }

  /// Whether results are wanted as JSON.
  public boolean wantsJson() {
    return json;
  }

  /// Prints a result as text.
  public void print(List<String> lines) {
    meter.clear();
    lines.forEach(out::println);
    out.flush();
  }

  /// Prints a result that is text or JSON already, ending its last line.
  public void printText(String result) {
    meter.clear();
    out.print(result);
    if (!result.endsWith("\n")) {
      out.println();
    }
    out.flush();
  }

  /// Prints a result as JSON.
  public void print(JsonNode result) {
    meter.clear();
    out.println(JSON.writeValueAsString(result));
    out.flush();
  }

  /// Tells what is going on; on standard error, and not where quiet was asked for.
  public void notice(String line) {
    if (!quiet) {
      meter.clear();
      err.println(line);
      err.flush();
    }
  }

  /// Shows how far long tasks are: a bar on a terminal, lines now and then elsewhere.
  public Progress progress() {
    return quiet ? Progress.NONE : meter;
  }

  /// Leaves a clean line behind.
  @Override
  public void close() {
    meter.clear();
    out.flush();
    err.flush();
  }
}
