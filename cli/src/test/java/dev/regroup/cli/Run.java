package dev.regroup.cli;

import dev.regroup.cli.console.Terminal;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// One run of the real command line in this process.
record Run(int exitCode, String out, String err) {
  static Run of(Object... args) {
    var out = new StringWriter();
    var err = new StringWriter();
    String[] line = List.of(args).stream().map(Object::toString).toArray(String[]::new);
    int exitCode = Main.run(new PrintWriter(out), new PrintWriter(err), Terminal.NONE, line);
    return new Run(exitCode, out.toString(), err.toString());
  }

  /// Standard output as JSON; fails where there is anything else on it.
  JsonNode json() {
    return JsonMapper.shared().readTree(out);
  }

  List<String> errLines() {
    return err.lines().toList();
  }
}
