package dev.regroup.verify.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.Collectors;

/// The report for CI servers: one suite a level, one test case a check and one a layer, so that a
/// failing layer shows by name.
final class JUnitReport {
  private JUnitReport() {}

  static String of(VerificationReport report) {
    var xml = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    List<Check> checks = cases(report);
    xml.append(
        "<testsuites name=\"regroup verify\" tests=\"%d\" failures=\"%d\" skipped=\"%d\">%n"
            .formatted(checks.size(), failures(checks), skipped(checks)));
    checks.stream()
        .collect(Collectors.groupingBy(Check::level, LinkedHashMap::new, Collectors.toList()))
        .forEach((level, ofLevel) -> appendSuite(xml, level, ofLevel));
    return xml.append("</testsuites>\n").toString().replace("\r\n", "\n");
  }

  private static List<Check> cases(VerificationReport report) {
    var cases = new ArrayList<Check>(report.checks());
    for (LayerFinding layer : report.layers()) {
      String found =
          "injected error %s, drift %s"
              .formatted(Numbers.of(layer.attentionError()), Numbers.of(layer.drift()));
      cases.add(
          Check.measured(
              Level.ATTENTION.label(), "layer " + layer.layer(), layer.attentionError(), found));
    }
    return cases;
  }

  private static void appendSuite(StringBuilder xml, String level, List<Check> checks) {
    xml.append(
        "  <testsuite name=\"regroup.verify.%s\" tests=\"%d\" failures=\"%d\" skipped=\"%d\">%n"
            .formatted(Markup.escape(level), checks.size(), failures(checks), skipped(checks)));
    checks.forEach(check -> appendCase(xml, check));
    xml.append("  </testsuite>\n");
  }

  private static void appendCase(StringBuilder xml, Check check) {
    xml.append(
        "    <testcase classname=\"regroup.verify.%s\" name=\"%s\">%n"
            .formatted(Markup.escape(check.level()), Markup.escape(check.name())));
    String reason = Markup.escape(check.reason());
    xml.append(
        switch (check.status()) {
          case PASS, MEASURED -> "      <system-out>%s</system-out>%n".formatted(reason);
          case SKIPPED -> "      <skipped message=\"%s\"/>%n".formatted(reason);
          case FAIL -> "      <failure type=\"FAIL\" message=\"%s\"/>%n".formatted(reason);
          // JUnit knows no third outcome, and undecided must not look green
          case INCONCLUSIVE ->
              "      <failure type=\"INCONCLUSIVE\" message=\"%s\"/>%n".formatted(reason);
        });
    xml.append("    </testcase>\n");
  }

  private static long failures(List<Check> checks) {
    return count(checks, Status.FAIL) + count(checks, Status.INCONCLUSIVE);
  }

  private static long skipped(List<Check> checks) {
    return count(checks, Status.SKIPPED);
  }

  private static long count(List<Check> checks, Status status) {
    return checks.stream().filter(check -> check.status() == status).count();
  }
}
