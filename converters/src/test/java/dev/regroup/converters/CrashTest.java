package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.regroup.converters.FaultyDisk.Fault;
import dev.regroup.converters.FaultyDisk.Killed;
import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.converters.write.Continuation;
import dev.regroup.converters.write.WriteOptions;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.disk.Disk;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.text.TokenWindows;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A run that dies, or runs out of disk, at any step of writing: nothing is lost, nothing looks
/// complete that is not, and going on gives the bytes of a run that was never interrupted.
final class CrashTest extends ConversionScenario {
  private static final ConversionRequest REQUEST =
      ConversionRequest.to(TargetLayout.GLA).withMaxShardBytes(60_000);

  private static final Map<String, String> OLD = Map.of("mine.txt", "mine");

  private Map<String, String> source = Map.of();
  private Map<String, String> whole = Map.of();

  @BeforeEach
  void convertOnceUndisturbed() throws IOException {
    from = scratch.resolve("small");
    Fixtures.write("llama-gqa", from, SEED, 2);
    deleteTree(scratch.resolve("source"));
    source = contents(from);
    Path undisturbed = scratch.resolve("undisturbed");
    run(undisturbed, WriteOptions.usual(false), false);
    whole = contents(undisturbed);
    deleteTree(undisturbed);
    assertThat(whole.keySet().stream().filter(name -> name.endsWith(".safetensors")))
        .hasSizeGreaterThan(2);
  }

  @Test
  void losesNothingWhereverItIsKilled() throws IOException {
    boolean struck = true;
    int step = 0;
    while (struck) {
      FaultyDisk disk = new FaultyDisk(Fault.KILL, ++step);
      Throwable end = catchThrowable(() -> run(to, usual(disk), false));
      struck = disk.struck();
      assertThat(end instanceof Killed).as("step %d: %s", step, end).isEqualTo(struck);
      requireSound(step);
      resumeAndCheck(step);
      deleteTree(to);
    }
    assertThat(step).as("steps of the protocol").isGreaterThan(50);
  }

  @Test
  void convergesUnderKillAfterKill() throws IOException {
    int kills = 0;
    for (int distance = 12; ; distance++) {
      FaultyDisk disk = new FaultyDisk(Fault.KILL, distance);
      Throwable end = catchThrowable(() -> run(to, resuming(disk), false));
      if (end == null) {
        break;
      }
      assertThat(end).isInstanceOf(Killed.class);
      kills++;
      requireSound(distance);
    }
    assertThat(kills).isGreaterThan(5);
    assertThat(contents(to)).isEqualTo(whole);
    assertThat(names(scratch)).containsExactly("small", "target");
  }

  @Test
  void saysThatTheDiskIsFullAndGoesOnOnceItIsNot() throws IOException {
    boolean struck = true;
    int write = 0;
    while (struck) {
      FaultyDisk disk = new FaultyDisk(Fault.FULL, ++write);
      Throwable end = catchThrowable(() -> run(to, usual(disk), false));
      struck = disk.struck();
      if (struck) {
        assertThat(end)
            .as("write %d", write)
            .isInstanceOf(UncheckedIOException.class)
            .hasMessageContaining("No space left on device")
            .hasMessageNotContaining("\n");
        assertThat(to).doesNotExist();
      } else {
        assertThat(end).isNull();
      }
      requireSound(write);
      resumeAndCheck(write);
      deleteTree(to);
    }
    assertThat(write).as("writes").isGreaterThan(20);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void alwaysHasTheOldTargetOrTheNew(boolean swaps) throws IOException {
    int all = steps(swaps);
    for (int step = all - 22; step <= all; step++) {
      Files.createDirectory(to);
      Files.writeString(to.resolve("mine.txt"), "mine");
      FaultyDisk disk = disk(Fault.KILL, step, swaps);
      WriteOptions options = WriteOptions.usual(true).with(disk);
      assertThat(catchThrowable(() -> run(to, options, false)))
          .as("step %d", step)
          .isInstanceOf(Killed.class);
      if (swaps) {
        assertThat(contents(to)).as("step %d", step).isIn(OLD, whole);
      }
      // whoever asks next finds one of them, without having asked for it to be replaced
      Throwable refused = catchThrowable(() -> run(to, WriteOptions.usual(false), false));
      assertThat(refused).as("step %d", step).hasMessageContaining("exists already");
      assertThat(contents(to)).as("step %d", step).isIn(OLD, whole);
      run(to, WriteOptions.usual(true).with(Continuation.RESUME), false);
      assertThat(contents(to)).as("step %d", step).isEqualTo(whole);
      assertThat(names(scratch)).as("step %d", step).containsExactly("small", "target");
      deleteTree(to);
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.3, 0.55, 0.8})
  void goesOnWithACalibratedRun(double share) throws IOException {
    FaultyDisk counting = new FaultyDisk(Fault.KILL, 0);
    run(to, usual(counting), true);
    Map<String, String> calibrated = contents(to);
    deleteTree(to);
    FaultyDisk disk = new FaultyDisk(Fault.KILL, (int) (counting.steps() * share));
    assertThat(catchThrowable(() -> run(to, usual(disk), true))).isInstanceOf(Killed.class);
    assertThat(scratch.resolve(".target.partial/journal.jsonl")).exists();
    run(to, resuming(Disk.LOCAL), true);
    assertThat(contents(to)).isEqualTo(calibrated);
    assertThat(names(scratch)).containsExactly("small", "target");
  }

  @Test
  void refusesToGoOnWithAnotherConversion() throws IOException {
    FaultyDisk disk = new FaultyDisk(Fault.KILL, 45);
    assertThat(catchThrowable(() -> run(to, usual(disk), false))).isInstanceOf(Killed.class);
    Map<String, String> left = contents(scratch.resolve(".target.partial"));
    assertThat(left).containsKey("journal.jsonl");
    ConversionRequest other = ConversionRequest.to(TargetLayout.GTA).withMaxShardBytes(60_000);
    assertRefused(() -> run(to, other, resuming(Disk.LOCAL), false))
        .hasMessageContaining("another set of options")
        .hasMessageContaining("--restart");
    assertThat(contents(scratch.resolve(".target.partial"))).isEqualTo(left);
    run(to, other, WriteOptions.usual(false).with(Continuation.RESTART), false);
    assertThat(names(scratch)).containsExactly("small", "target");
  }

  @Test
  void refusesToGoOnOnceTheSourceHasChanged() throws IOException {
    FaultyDisk disk = new FaultyDisk(Fault.KILL, 45);
    assertThat(catchThrowable(() -> run(to, usual(disk), false))).isInstanceOf(Killed.class);
    Files.writeString(from.resolve("generation_config.json"), "{ }");
    assertRefused(() -> run(to, resuming(Disk.LOCAL), false))
        .hasMessageContaining("source")
        .hasMessageContaining("--restart");
  }

  @Test
  void redoesWhatAHandHasMeddledWith() throws IOException {
    FaultyDisk counting = new FaultyDisk(Fault.KILL, 0);
    run(to, usual(counting), false);
    deleteTree(to);
    FaultyDisk disk = new FaultyDisk(Fault.KILL, counting.steps() - 25);
    assertThat(catchThrowable(() -> run(to, usual(disk), false))).isInstanceOf(Killed.class);
    Path model = scratch.resolve(".target.partial/model");
    Path shard =
        model.resolve(
            names(model).stream()
                .filter(n -> n.endsWith(".safetensors"))
                .findFirst()
                .orElseThrow());
    byte[] bytes = Files.readAllBytes(shard);
    bytes[bytes.length - 1]++;
    Files.write(shard, bytes);
    run(to, resuming(Disk.LOCAL), false);
    assertThat(contents(to)).isEqualTo(whole);
  }

  @Test
  void findsNothingToDoWhereTheSameConversionIsComplete() throws IOException {
    run(to, usual(Disk.LOCAL), false);
    Object before = Files.getLastModifiedTime(to.resolve("config.json"));
    run(to, resuming(Disk.LOCAL), false);
    assertThat(Files.getLastModifiedTime(to.resolve("config.json"))).isEqualTo(before);
    assertRefused(
            () -> run(to, ConversionRequest.to(TargetLayout.GTA), resuming(Disk.LOCAL), false))
        .hasMessageContaining("exists already");
  }

  private int steps(boolean swaps) throws IOException {
    Files.createDirectory(to);
    Files.writeString(to.resolve("mine.txt"), "mine");
    FaultyDisk counting = disk(Fault.KILL, 0, swaps);
    run(to, WriteOptions.usual(true).with(counting), false);
    assertThat(contents(to)).isEqualTo(whole);
    deleteTree(to);
    return counting.steps();
  }

  private static FaultyDisk disk(Fault fault, int step, boolean swaps) {
    FaultyDisk disk = new FaultyDisk(fault, step);
    return swaps ? disk : disk.withoutSwaps();
  }

  private void requireSound(int step) {
    assertThat(contents(from)).as("the source after step %d", step).isEqualTo(source);
    if (Files.exists(to)) {
      assertThat(contents(to)).as("the target after step %d", step).isEqualTo(whole);
    }
  }

  private void resumeAndCheck(int step) {
    run(to, resuming(Disk.LOCAL), false);
    assertThat(contents(to)).as("resumed after step %d", step).isEqualTo(whole);
    assertThat(names(scratch)).as("debris after step %d", step).containsExactly("small", "target");
  }

  private static WriteOptions usual(Disk disk) {
    return WriteOptions.usual(false).with(disk);
  }

  private static WriteOptions resuming(Disk disk) {
    return usual(disk).with(Continuation.RESUME);
  }

  private void run(Path target, WriteOptions writing, boolean calibrated) {
    run(target, REQUEST, writing, calibrated);
  }

  private void run(
      Path target, ConversionRequest request, WriteOptions writing, boolean calibrated) {
    try (Checkpoint checkpoint = Checkpoints.open(from)) {
      ConversionPlan plan = Conversions.plan(checkpoint, request);
      Optional<TokenWindows> windows =
          calibrated
              ? Optional.of(
                  new TokenWindows(
                      "random", "none", WINDOW, InMemory.windows(plan.source(), 12, WINDOW)))
              : Optional.empty();
      var options =
          new ConversionOptions(
              FitOptions.DEFAULT.withSteps(5), 1, writing.overwrite(), false, "test");
      Conversions.convert(checkpoint, plan, windows, target, options, writing, Progress.NONE);
    }
  }
}
