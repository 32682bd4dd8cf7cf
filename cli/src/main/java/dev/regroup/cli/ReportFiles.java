package dev.regroup.cli;

import dev.regroup.verify.report.VerificationReport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Where verification reports are kept.
final class ReportFiles {
  private ReportFiles() {}

  /// Writes `report.json`, `report.html` and `junit.xml` into a directory, which is made if need be.
  static void write(Path directory, VerificationReport report) {
    try {
      Files.createDirectories(directory);
      Files.writeString(directory.resolve("report.json"), report.json());
      Files.writeString(directory.resolve("report.html"), report.html());
      Files.writeString(directory.resolve("junit.xml"), report.junitXml());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
