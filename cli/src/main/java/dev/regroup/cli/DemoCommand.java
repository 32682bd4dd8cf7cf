package dev.regroup.cli;

import dev.regroup.cli.console.Console;
import dev.regroup.cli.demo.DemoJson;
import dev.regroup.cli.demo.DemoResult;
import dev.regroup.cli.demo.DemoText;
import dev.regroup.cli.demo.Demonstration;
import dev.regroup.converters.ConversionOptions;
import dev.regroup.converters.fit.FitOptions;
import dev.regroup.runtime.device.Device;
import dev.regroup.verify.report.Verdict;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `demo`: the whole flow on bundled models.
@Command(
    name = "demo",
    header = "Show the whole flow on small trained models that ship with Regroup.",
    description = {
      "Converts a trained GQA model to GTA and to GLA and a trained MLA model to GLA, verifies each"
          + " on text it never saw, and prints what came out. Models, texts and reports stay in a"
          + " folder, to be looked at and tried further. Takes a few minutes at most, downloads"
          + " nothing."
    },
    footer = {
      "  regroup demo",
      "  regroup demo --out /tmp/demo && open /tmp/demo/reports/tiny-gqa-gta/report.html"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class DemoCommand implements Callable<Integer> {
  /// As many as leave the demo within three minutes on two cores.
  private static final int FIT_STEPS = 200;

  private static final long SEED = 1;

  private final RegroupCommand root;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "regroup-demo",
      description = "Where models and reports are left. Default: ./regroup-demo.")
  private Path out;

  @Mixin private DeviceOptions deviceOptions;

  DemoCommand(RegroupCommand root) {
    this.root = root;
  }

  @Override
  public Integer call() {
    try (Console console = root.openConsole();
        Device device = deviceOptions.open(console)) {
      var options =
          new ConversionOptions(
              FitOptions.DEFAULT.withSteps(FIT_STEPS), SEED, true, false, RegroupCommand.version());
      var demonstration =
          new Demonstration(
              out,
              Demonstration.Extent.DEFAULT,
              options.on(device.backend()),
              device,
              console::notice,
              ReportFiles::write);
      List<DemoResult> results = demonstration.run(console.progress());
      if (console.wantsJson()) {
        console.print(DemoJson.of(results));
      } else {
        console.print(DemoText.of(results));
      }
      console.notice("models are in %s, reports in %s".formatted(out, out.resolve("reports")));
      return results.stream().allMatch(result -> result.report().verdict() == Verdict.PASS)
          ? ExitCode.OK
          : ExitCode.NOT_GOOD_ENOUGH;
    }
  }
}
