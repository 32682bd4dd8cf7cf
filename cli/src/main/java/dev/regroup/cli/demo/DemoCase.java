package dev.regroup.cli.demo;

import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.TargetLayout;
import java.util.List;

/// One conversion of the demo.
///
/// @param fixture the trained model to convert
/// @param request what to convert it to; everything but the layout is left to the source
record DemoCase(String fixture, ConversionRequest request) {
  /// All of them, in order.
  static final List<DemoCase> ALL =
      List.of(
          new DemoCase("tiny-gqa", ConversionRequest.to(TargetLayout.GTA)),
          new DemoCase("tiny-gqa", ConversionRequest.to(TargetLayout.GLA)),
          new DemoCase("tiny-mla-moe", ConversionRequest.to(TargetLayout.GLA)));

  /// The folder of the converted model and of its reports.
  String name() {
    return fixture + "-" + request.target().label();
  }
}
