package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.converters.write.LinkMode;
import dev.regroup.converters.write.SpaceNeeded;
import dev.regroup.converters.write.WriteOptions;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.manifest.Manifest;
import dev.regroup.formats.manifest.Sha256;
import dev.regroup.runtime.Progress;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// However unchanged bytes get into the output, they are the source's, and the manifest says so.
final class CopyTest extends ConversionScenario {
  private static final String HOLE = "model.embed_tokens.weight";
  private static final WriteOptions USUAL = WriteOptions.usual(false);

  @Test
  void givesTheSameBytesHoweverTheyAreCopied() throws IOException {
    makeHole();
    run(to, USUAL);
    for (WriteOptions options :
        new WriteOptions[] {
          USUAL.with(LinkMode.COPY, false),
          USUAL.with(LinkMode.COPY, true),
          USUAL.with(LinkMode.AUTO, true)
        }) {
      Path other = scratch.resolve("other-" + options.link() + options.sparse());
      run(other, options);
      assertThat(contents(other)).isEqualTo(contents(to));
    }
    for (Manifest.OutputFile file : Manifest.find(to).orElseThrow().files()) {
      assertThat(Files.size(to.resolve(file.name()))).isEqualTo(file.bytes());
      assertThat(Sha256.of(to.resolve(file.name()), bytes -> {})).isEqualTo(file.sha256());
    }
  }

  @Test
  void putsKeptBytesWhereFileSystemsCanShareThem() {
    run(to, USUAL);
    try (Checkpoint source = Checkpoints.open(from);
        Checkpoint target = Checkpoints.open(to)) {
      assertThat(source.find(HOLE)).isEqualTo(target.find(HOLE));
      assertThat(target.locate(HOLE).offset() % 4096)
          .isEqualTo(source.locate(HOLE).offset() % 4096);
    }
  }

  @Test
  void countsHolesAsNoSpaceWhereTheyStayHoles() throws IOException {
    long hole = makeHole();
    try (Checkpoint source = Checkpoints.open(from)) {
      ConversionPlan plan = Conversions.plan(source, ConversionRequest.to(TargetLayout.GLA));
      long dense = SpaceNeeded.bytes(plan, source, USUAL);
      long sparse = SpaceNeeded.bytes(plan, source, USUAL.with(LinkMode.AUTO, true));
      assertThat(dense).isEqualTo(plan.outputBytes());
      assumeThat(sparse).as("a file system without holes").isLessThan(dense);
      assertThat(sparse).isLessThan(dense - hole / 2);
    }
  }

  @Test
  void insistsOnSharedBlocksOnlyWhereAsked() {
    try {
      run(to, USUAL.with(LinkMode.REFLINK, false));
      run(scratch.resolve("copied"), USUAL.with(LinkMode.COPY, false));
      assertThat(contents(to)).isEqualTo(contents(scratch.resolve("copied")));
    } catch (UncheckedIOException refused) {
      assertThat(refused).hasMessageContaining("shares blocks").hasMessageContaining("--link auto");
      // a layer that was done before the refusal is kept for the next run
      assertThat(names(scratch)).contains("source").isSubsetOf("source", ".target.partial");
    }
  }

  @Test
  void refusesASourceThatChangesMeanwhile() {
    Progress touching =
        new Progress() {
          @Override
          public void begin(String stage, long total) {}

          @Override
          public void advance(long done, String detail) {
            try {
              Files.setLastModifiedTime(from.resolve("config.json"), FileTime.fromMillis(done + 1));
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          }
        };
    assertThatThrownBy(() -> run(to, USUAL, touching))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("config.json: changed while it was being converted");
    assertThat(names(scratch)).containsExactly("source");
  }

  /// Makes most of a tensor a hole of its file: a large one, since holes are whole blocks.
  private long makeHole() throws IOException {
    Checkpoint.Location place = place(HOLE);
    Path file = place.file();
    byte[] all = Files.readAllBytes(file);
    long first = (place.offset() + 4095) / 4096 * 4096;
    long last = (place.offset() + place.bytes()) / 4096 * 4096;
    try (RandomAccessFile fresh = new RandomAccessFile(file.toFile(), "rw")) {
      fresh.setLength(0);
      FileChannel channel = fresh.getChannel();
      channel.write(ByteBuffer.wrap(all, 0, (int) first), 0);
      channel.write(ByteBuffer.wrap(all, (int) last, all.length - (int) last), last);
    }
    assertThat(Files.size(file)).isEqualTo(all.length);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
    return last - first;
  }

  private void run(Path target, WriteOptions writing) {
    run(target, writing, Progress.NONE);
  }

  private void run(Path target, WriteOptions writing, Progress progress) {
    try (Checkpoint source = Checkpoints.open(from)) {
      ConversionPlan plan = Conversions.plan(source, ConversionRequest.to(TargetLayout.GLA));
      var options = new ConversionOptions(FitOptions.NONE, 1, false, false, "test");
      Conversions.convert(source, plan, Optional.empty(), target, options, writing, progress);
    }
  }
}
