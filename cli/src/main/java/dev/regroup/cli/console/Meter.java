package dev.regroup.cli.console;

import dev.regroup.runtime.Progress;
import java.io.PrintWriter;
import java.util.function.LongSupplier;

/// Progress on standard error. On a terminal a bar that is drawn again, with rate and time left;
/// elsewhere a line when a stage begins, at most one every five seconds or tenth of the stage,
/// whichever is rarer, and one at its end.
final class Meter implements Progress {
  private static final double REDRAW_SECONDS = 0.1;
  private static final double LINE_SECONDS = 5;
  private static final int BAR_WIDTH = 24;

  private final PrintWriter err;
  private final Terminal terminal;
  private final LongSupplier nanoTime;

  private String stage = "";
  private long total;
  private long began;
  private long lastShown;
  private long lastDone;
  private boolean finished = true;
  private boolean drawn;

  /// @param nanoTime a clock as {@link System#nanoTime()} is one
  Meter(PrintWriter err, Terminal terminal, LongSupplier nanoTime) {
    this.err = err;
    this.terminal = terminal;
    this.nanoTime = nanoTime;
  }

  @Override
  public synchronized void begin(String stage, long total) {
    clear();
    this.stage = stage;
    this.total = total;
    began = nanoTime.getAsLong();
    lastShown = began;
    lastDone = 0;
    finished = false;
    if (terminal.interactive()) {
      draw(0, "");
    } else {
      println(total > 0 ? "%s: 0 of %s".formatted(stage, Quantity.grouped(total)) : stage);
    }
  }

  @Override
  public synchronized void advance(long done, String detail) {
    if (finished) {
      return;
    }
    boolean complete = total > 0 && done >= total;
    if (complete) {
      finish(done, detail);
    } else if (terminal.interactive() && secondsSince(lastShown) >= REDRAW_SECONDS) {
      draw(done, detail);
      lastShown = nanoTime.getAsLong();
    } else if (!terminal.interactive() && isTimeForALine(done)) {
      println(stage + ": " + amount(done) + pace(done) + suffix(detail));
      lastShown = nanoTime.getAsLong();
      lastDone = done;
    }
  }

  /// Takes the bar off the terminal, so that something else can be printed.
  synchronized void clear() {
    if (drawn) {
      err.print("\r\033[K");
      err.flush();
      drawn = false;
    }
  }

  private boolean isTimeForALine(long done) {
    return secondsSince(lastShown) >= LINE_SECONDS && (done - lastDone) * 10 >= total;
  }

  private void finish(long done, String detail) {
    clear();
    finished = true;
    double seconds = secondsSince(began);
    println(
        "%s: %s in %s%s"
            .formatted(stage, Quantity.grouped(done), Quantity.duration(seconds), suffix(detail)));
  }

  private void draw(long done, String detail) {
    String bar = "";
    if (total > 0) {
      int filled = (int) (BAR_WIDTH * Math.min(done, total) / total);
      bar = " [" + "#".repeat(filled) + ".".repeat(BAR_WIDTH - filled) + "]";
    }
    String line = stage + bar + " " + amount(done) + pace(done) + suffix(detail);
    int width = terminal.columns() - 1;
    err.print("\r\033[K" + (line.length() > width ? line.substring(0, width) : line));
    err.flush();
    drawn = true;
  }

  private String amount(long done) {
    return total > 0
        ? "%s of %s".formatted(Quantity.grouped(done), Quantity.grouped(total))
        : Quantity.grouped(done);
  }

  private String pace(long done) {
    double seconds = secondsSince(began);
    if (done <= 0 || seconds < 0.5) {
      return "";
    }
    double rate = done / seconds;
    String left = total > 0 ? ", %s left".formatted(Quantity.duration((total - done) / rate)) : "";
    return ", %s/s%s".formatted(Quantity.significant(rate), left);
  }

  private static String suffix(String detail) {
    return detail.isEmpty() ? "" : ", " + detail;
  }

  private double secondsSince(long then) {
    return (nanoTime.getAsLong() - then) * 1e-9;
  }

  private void println(String line) {
    err.println(line);
    err.flush();
  }
}
