package dev.regroup.cli.demo;

import dev.regroup.verify.report.VerificationReport;

/// What one conversion of the demo came to.
///
/// @param name of the converted model
/// @param source its source's name
/// @param seconds that conversion and verification took
public record DemoResult(String name, String source, VerificationReport report, double seconds) {}
