package dev.regroup.cli;

import dev.regroup.cli.console.Console;
import dev.regroup.cli.console.Table;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.fixtures.Fixtures.Fixture;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// `fixture NAME DIR`: a small model to try things on.
@Command(
    name = "fixture",
    header = "Write a small sample model, to try the other commands on.",
    description = {
      "Writes a model directory as Hugging Face lays it out. Trained ones know a little language;"
          + " random ones mean nothing, but there is one for every architecture that Regroup reads."
          + " The large ones are sparse files of the size of a model of 236 billion parameters."
    },
    footer = {
      "  regroup fixture --list",
      "  regroup fixture llama-gqa /tmp/llama-gqa",
      "  regroup fixture deepseek-v2 /tmp/mla --seed 7",
      "  regroup fixture deepseek-coder-v2-236b-headers /tmp/large --layers 4"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class FixtureCommand implements Callable<Integer> {
  private final RegroupCommand root;

  @Spec private CommandSpec spec;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "NAME",
      description = "The sample model; --list shows all.")
  private @Nullable String name;

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "DIR",
      description = "The directory to write; must be absent or empty.")
  private @Nullable Path directory;

  @Option(names = "--list", description = "List the sample models.")
  private boolean list;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Seed of random weights; trained models have no use for it. Default: 1.")
  private long seed;

  @Mixin private LargeFixtureOptions large;

  FixtureCommand(RegroupCommand root) {
    this.root = root;
  }

  @Override
  public Integer call() {
    try (Console console = root.openConsole()) {
      if (list) {
        print(console, Stream.concat(Fixtures.all().stream(), Fixtures.large().stream()).toList());
      } else if (name == null || directory == null) {
        throw new ParameterException(
            spec.commandLine(), "expected NAME and DIR, or --list for the names");
      } else {
        write(console, name, directory);
      }
      return ExitCode.OK;
    }
  }

  private void write(Console console, String name, Path directory) {
    if (large.concern(name)) {
      large.write(name, directory, seed);
    } else {
      Fixtures.write(name, directory, seed);
    }
    if (console.wantsJson()) {
      ObjectNode node = JsonNodeFactory.instance.objectNode();
      console.print(node.put("fixture", name).put("path", directory.toString()));
    } else {
      console.print(List.of("wrote %s to %s".formatted(name, directory)));
    }
  }

  private static void print(Console console, List<Fixture> fixtures) {
    if (console.wantsJson()) {
      ArrayNode array = JsonNodeFactory.instance.arrayNode();
      for (Fixture fixture : fixtures) {
        array
            .addObject()
            .put("name", fixture.name())
            .put("trained", fixture.trained())
            .put("description", fixture.description());
      }
      console.print(array);
      return;
    }
    var table = new Table("name", "weights", "what it is");
    for (Fixture fixture : fixtures) {
      table.row(fixture.name(), fixture.trained() ? "trained" : "random", fixture.description());
    }
    console.print(table.lines());
  }
}
