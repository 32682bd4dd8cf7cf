package dev.regroup.cli;

import dev.regroup.cli.bench.DecodeText;
import dev.regroup.cli.console.Console;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.decode.DecodeBench;
import dev.regroup.runtime.cuda.decode.DecodeBench.Case;
import dev.regroup.runtime.cuda.decode.DecodeBench.Report;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `bench decode`: what a smaller cache buys when decoding.
@Command(
    name = "decode",
    header = "Measure decode attention of each layout on a GPU.",
    description = {
      "GQA, GTA, MLA and GLA-2 whole, one of eight tensor-parallel ranks of MLA and GLA-8, and GQA"
          + " and GTA with heads of 64, in BF16: time, bandwidth beside a plain copy's, operations"
          + " a second. Medians of 31 device timings over inputs larger than the second-level"
          + " cache."
    },
    footer = {
      "  regroup bench decode",
      "  regroup bench decode --layout gqa,gta --batch 64 --context 8192 --query 1"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class DecodeBenchCommand implements Callable<Integer> {
  private final RegroupCommand root;

  @Mixin private DeviceOptions device;

  @Spec private CommandSpec spec;

  @Option(
      names = "--layout",
      split = ",",
      paramLabel = "NAME",
      description =
          "Layouts by name: gqa, gta, mla, gla-2, mla-rank, gla-8-rank, gqa-64, gta-64. Default:"
              + " all.")
  private List<String> layouts = List.of();

  @Option(
      names = "--batch",
      split = ",",
      paramLabel = "SEQUENCES",
      description = "Batch sizes. Default: 1,16,64,128.")
  private List<Integer> batches = List.of(1, 16, 64, 128);

  @Option(
      names = "--context",
      split = ",",
      paramLabel = "TOKENS",
      description = "Tokens in each sequence's cache. Default: 1024,8192,32768,65536.")
  private List<Integer> contexts = List.of(1024, 8192, 32768, 65536);

  @Option(
      names = "--query",
      split = ",",
      paramLabel = "TOKENS",
      description = "New tokens of a step. Default: 1,2.")
  private List<Integer> queries = List.of(1, 2);

  DecodeBenchCommand(RegroupCommand root) {
    this.root = root;
  }

  @Override
  public Integer call() {
    List<Case> cases = cases();
    try (Console console = root.openConsole();
        CudaContext context = device.openGpu()) {
      Report report =
          DecodeBench.run(
              context,
              cases,
              result ->
                  console.notice(
                      "%s: batch %d, %d tokens, %d new: %s"
                          .formatted(
                              result.of().subject().name(),
                              result.of().batch(),
                              result.of().tokens(),
                              result.of().queryLength(),
                              result
                                  .skipped()
                                  .orElse("%.1f us".formatted(result.seconds() * 1e6)))));
      if (console.wantsJson()) {
        console.print(DecodeText.json(context.device(), report));
      } else {
        console.print(DecodeText.of(context.device(), report));
      }
      return ExitCode.OK;
    }
  }

  private List<Case> cases() {
    List<DecodeBench.Subject> subjects =
        DecodeBench.SUBJECTS.stream()
            .filter(subject -> layouts.isEmpty() || layouts.contains(name(subject)))
            .toList();
    requirePositive("--batch", batches);
    requirePositive("--context", contexts);
    requirePositive("--query", queries);
    for (String layout : layouts) {
      if (subjects.stream().noneMatch(subject -> name(subject).equals(layout))) {
        throw new ParameterException(
            spec.commandLine(),
            "--layout: expected one of %s, found \"%s\""
                .formatted(
                    String.join(
                        ", ", DecodeBench.SUBJECTS.stream().map(DecodeBenchCommand::name).toList()),
                    layout));
      }
    }
    return subjects.stream()
        .flatMap(
            subject ->
                queries.stream()
                    .flatMap(
                        query ->
                            batches.stream()
                                .flatMap(
                                    batch ->
                                        contexts.stream()
                                            .map(
                                                context ->
                                                    new Case(subject, batch, context, query)))))
        .toList();
  }

  private void requirePositive(String option, List<Integer> values) {
    for (int value : values) {
      if (value < 1) {
        throw new ParameterException(
            spec.commandLine(), "%s: expected at least 1, found %d".formatted(option, value));
      }
    }
  }

  private static String name(DecodeBench.Subject subject) {
    return subject.name().toLowerCase(Locale.ROOT).replace(' ', '-');
  }
}
