package dev.regroup.cli;

import dev.regroup.cli.console.Console;
import dev.regroup.cli.inspect.Inspection;
import dev.regroup.cli.inspect.InspectionJson;
import dev.regroup.cli.inspect.InspectionText;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `inspect CHECKPOINT`: what is on disk, and what it means.
@Command(
    name = "inspect",
    header = "Say what a checkpoint is, and what a token costs in its KV cache.",
    description = {
      "Prints architecture, parameters, dtypes, shards, attention layout and rope of each layer,"
          + " and the bytes of KV cache that a token takes, on one device and on 2, 4 and 8"
          + " tensor-parallel ones. Reads headers and config.json, no weights. Of a bare"
          + " file of weights it lists the tensors."
    },
    footer = {
      "  regroup fixture tiny-gqa /tmp/tiny && regroup inspect /tmp/tiny",
      "  regroup inspect model-00001-of-00004.safetensors",
      "  regroup inspect pytorch_model.bin",
      "  regroup inspect /models/llama --json | jq .kv_cache.bytes_per_token"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class InspectCommand implements Callable<Integer> {
  private final RegroupCommand root;

  @Parameters(
      index = "0",
      paramLabel = "CHECKPOINT",
      description =
          "A model directory, a zip, tar, tar.gz or tar.zst of one, or one file of weights"
              + " (safetensors, or PyTorch's .bin).")
  private Path path;

  @Mixin private ScratchOptions scratch;

  InspectCommand(RegroupCommand root) {
    this.root = root;
  }

  @Override
  public Integer call() {
    try (Console console = root.openConsole();
        Checkpoint checkpoint = scratch.open(path)) {
      Optional<ModelSpec> model =
          checkpoint.isModel() ? Optional.of(Checkpoints.describe(checkpoint)) : Optional.empty();
      var inspection = Inspection.of(checkpoint, model);
      inspection.warnings().forEach(line -> console.notice("warning: " + line));
      if (console.wantsJson()) {
        console.print(InspectionJson.of(inspection));
      } else {
        console.print(InspectionText.of(inspection));
      }
      return ExitCode.OK;
    }
  }
}
