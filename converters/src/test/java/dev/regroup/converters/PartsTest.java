package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.regroup.converters.FaultyDisk.Fault;
import dev.regroup.converters.FaultyDisk.Killed;
import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.converters.write.MeanwhileDisk;
import dev.regroup.converters.write.Part;
import dev.regroup.converters.write.WriteOptions;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.disk.Disk;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.text.TokenWindows;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A conversion shared by several processes gives what one process gives.
final class PartsTest extends ConversionScenario {
  private static final ConversionRequest REQUEST =
      ConversionRequest.to(TargetLayout.GLA).withMaxShardBytes(60_000);

  @ParameterizedTest(name = "{0} parts, calibrated {1}")
  @CsvSource({"2,false", "3,false", "50,false", "3,true"})
  void mergesToTheBytesOfOneProcess(int count, boolean calibrated) {
    Path alone = scratch.resolve("alone");
    run(alone, REQUEST, Part.WHOLE, calibrated);
    // the last first: no order is needed
    for (int index = count; index >= 1; index--) {
      assertThat(to).doesNotExist();
      run(to, REQUEST, new Part(index, count), calibrated);
    }
    merge(Disk.LOCAL);
    assertThat(contents(to)).isEqualTo(contents(alone));
    assertThat(names(scratch)).containsExactly("alone", "source", "target");
  }

  @Test
  void convertsOnlyTheLayersOfItsFiles() {
    List<Integer> layers =
        IntStream.rangeClosed(1, 3)
            .map(index -> run(to, REQUEST, new Part(index, 3), false))
            .boxed()
            .toList();
    // a layer that lies across the files of two parts is converted by both
    assertThat(layers).allMatch(converted -> converted < 4);
    assertThat(layers.stream().mapToInt(i -> i).sum()).isBetween(4, 6);
  }

  @Test
  void refusesToMergeBeforeEveryPartIsDone() {
    assertThatThrownBy(() -> merge(Disk.LOCAL)).hasMessageContaining("--part I/N");
    run(to, REQUEST, new Part(1, 3), false);
    run(to, REQUEST, new Part(3, 3), false);
    assertRefused(() -> merge(Disk.LOCAL)).hasMessageContaining("part 2/3 is not done");
    Part second = new Part(2, 3);
    for (int step : new int[] {8, 14}) {
      FaultyDisk disk = new FaultyDisk(Fault.KILL, step);
      assertThat(catchThrowable(() -> run(to, REQUEST, second, false, disk)))
          .isInstanceOf(Killed.class);
      assertRefused(() -> merge(Disk.LOCAL)).hasMessageContaining("part 2/3 is not done");
    }
    run(to, REQUEST, second, false);
    merge(Disk.LOCAL);
    Path alone = scratch.resolve("alone");
    run(alone, REQUEST, Part.WHOLE, false);
    assertThat(contents(to)).isEqualTo(contents(alone));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void mergesAgainAfterAMergeWasKilled(boolean overwrite) throws IOException {
    Path alone = scratch.resolve("alone");
    run(alone, REQUEST, Part.WHOLE, false);
    boolean killed = true;
    for (int step = 1; killed; step += 3) {
      if (overwrite) {
        Files.createDirectory(to);
        Files.writeString(to.resolve("mine.txt"), "mine");
      }
      WriteOptions options = WriteOptions.usual(overwrite);
      for (int index = 1; index <= 2; index++) {
        run(to, REQUEST, FitOptions.NONE, options.with(new Part(index, 2)));
      }
      FaultyDisk disk = new FaultyDisk(Fault.KILL, step).withoutSwaps();
      killed = catchThrowable(() -> merge(options.with(disk))) instanceof Killed;
      Path work = scratch.resolve(".target.partial");
      if (killed && !(Files.exists(work) && names(work).isEmpty())) {
        merge(options);
        assertThat(names(scratch)).as("step %d", step).containsExactly("alone", "source", "target");
      }
      assertThat(contents(to)).as("step %d", step).isEqualTo(contents(alone));
      deleteTree(to);
      deleteTree(work);
    }
  }

  @Test
  void doesNotLoseWhatAPartThatEndsMeanwhileWroteLast() throws IOException {
    run(to, REQUEST, new Part(2, 2), false);
    run(to, REQUEST, new Part(1, 2), false);
    Path journal = scratch.resolve(".target.partial/journal-1-of-2.jsonl");
    String complete = Files.readString(journal);
    String before = complete.substring(0, complete.stripTrailing().lastIndexOf('\n') + 1);
    Files.writeString(journal, before);
    // the part ends while the merge waits for its turn
    merge(WriteOptions.usual(false).with(new MeanwhileDisk(() -> write(journal, complete))));
    Path alone = scratch.resolve("alone");
    run(alone, REQUEST, Part.WHOLE, false);
    assertThat(contents(to)).isEqualTo(contents(alone));
  }

  @Test
  void refusesPartsOfSomethingElse() {
    run(to, REQUEST, new Part(1, 3), false);
    Map<String, String> before = contents(scratch.resolve(".target.partial"));
    assertRefused(() -> run(to, REQUEST, new Part(2, 4), false))
        .hasMessageContaining("shared by 3, here by 4");
    assertRefused(() -> run(to, ConversionRequest.to(TargetLayout.GTA), new Part(2, 3), false))
        .hasMessageContaining("another set of options");
    assertRefused(() -> run(to, REQUEST, Part.WHOLE, false))
        .hasMessageContaining("shared by 3, here by 1");
    assertThat(contents(scratch.resolve(".target.partial"))).isEqualTo(before);
  }

  @Test
  void refusesAPartThatRunsAndAMergeBesideIt() {
    run(to, REQUEST, new Part(1, 2), false);
    run(to, REQUEST, new Part(2, 2), false);
    Path lock = scratch.resolve(".target.part-2-of-2.lock");
    try (Disk.Lock held = Disk.LOCAL.lock(lock).orElseThrow()) {
      assertThat(held).isNotNull();
      assertRefused(() -> run(to, REQUEST, new Part(2, 2), false))
          .hasMessageContaining("part 2/2 of it is being converted already");
      assertRefused(() -> merge(Disk.LOCAL)).hasMessageContaining("part 2/2");
    }
    merge(Disk.LOCAL);
    assertThat(names(scratch)).containsExactly("source", "target");
  }

  @Test
  void refusesPartsWhoseLayersRepairEachOther() {
    assertThatThrownBy(
            () -> run(to, REQUEST, new Part(3, 3), FitOptions.DEFAULT.withSteps(2), Disk.LOCAL))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("--fit-mode parallel");
  }

  private void merge(Disk disk) {
    merge(WriteOptions.usual(false).with(disk));
  }

  private void merge(WriteOptions options) {
    try (Checkpoint source = Checkpoints.open(Conversions.sourceOfParts(to))) {
      Conversions.merge(source, to, options, Progress.NONE);
    }
  }

  private static void write(Path file, String text) {
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private int run(Path target, ConversionRequest request, Part part, boolean calibrated) {
    return run(target, request, part, calibrated, Disk.LOCAL);
  }

  private int run(
      Path target, ConversionRequest request, Part part, boolean calibrated, Disk disk) {
    FitOptions fit =
        calibrated
            ? FitOptions.DEFAULT.withSteps(5).withMode(FitOptions.Mode.PARALLEL)
            : FitOptions.NONE;
    return run(target, request, part, fit, disk);
  }

  private int run(Path target, ConversionRequest request, Part part, FitOptions fit, Disk disk) {
    return run(target, request, fit, WriteOptions.usual(false).with(part).with(disk));
  }

  private int run(Path target, ConversionRequest request, FitOptions fit, WriteOptions writing) {
    try (Checkpoint source = Checkpoints.open(from)) {
      ConversionPlan plan = Conversions.plan(source, request);
      Optional<TokenWindows> windows =
          fit.equals(FitOptions.NONE)
              ? Optional.empty()
              : Optional.of(
                  new TokenWindows(
                      "random", "none", WINDOW, InMemory.windows(plan.source(), 12, WINDOW)));
      var options = new ConversionOptions(fit, 1, writing.overwrite(), false, "test");
      return Conversions.convert(source, plan, windows, target, options, writing, Progress.NONE)
          .layers()
          .size();
    }
  }
}
