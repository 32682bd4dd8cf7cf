package dev.regroup.converters.write;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.disk.Disk;
import dev.regroup.formats.manifest.Sha256;
import dev.regroup.formats.safetensors.SafetensorsWriter;
import dev.regroup.formats.safetensors.ShardPlan;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Copying, hashing and writing at the same time: all of it, once, and nobody waits for ever.
@Timeout(60)
final class ShardAssemblyTest {
  /// Some longer than a piece, with ends anywhere in one; more of them than there are pieces.
  private static final int[] KILOBYTES = {3000, 1, 5000, 100, 0, 7000, 2, 1024, 6000, 1};

  @TempDir Path folder;

  private final Executor threads = command -> Thread.ofPlatform().daemon().start(command);
  private final LayerGate gate = new LayerGate();
  private final List<TensorInfo> tensors = new ArrayList<>();

  @ParameterizedTest
  @CsvSource({
    "false, false, false",
    "true, false, false",
    "false, true, false",
    "true, true, false",
    "false, false, true",
    "false, true, true"
  })
  void holdsAndHashesWhatTheSourceHolds(boolean kernel, boolean sparse, boolean uncached)
      throws Exception {
    Path source = source();
    gate.open(0);
    try (SafetensorsWriter writer = writer()) {
      writer.write("written", 0, ByteBuffer.wrap(new byte[] {1, 2, 3, 4}));
      String sha256 =
          assembly(writer, segments(source), kernel, sparse, uncached).assemble(threads, b -> {});
      writer.finish();
      assertThat(sha256).isEqualTo(Sha256.of(folder.resolve("out"), bytes -> {}));
    }
    byte[] out = Files.readAllBytes(folder.resolve("out"));
    byte[] in = Files.readAllBytes(source);
    assertThat(Arrays.copyOfRange(out, out.length - 4 - in.length, out.length - 4)).isEqualTo(in);
    assertThat(out).endsWith(1, 2, 3, 4);
  }

  @Test
  void copiesWhatIsKeptWhileALayerIsAwaited() throws Exception {
    Path source = source();
    List<Segment> segments = segments(source);
    CountDownLatch copied = new CountDownLatch(1);
    AtomicLong bytes = new AtomicLong();
    long kept = Files.size(source);
    try (SafetensorsWriter writer = writer()) {
      CompletableFuture<String> hash =
          CompletableFuture.supplyAsync(
              () ->
                  assembly(writer, segments, false, false, false)
                      .assemble(
                          threads,
                          count -> {
                            if (bytes.addAndGet(count) == kept) {
                              copied.countDown();
                            }
                          }),
              threads);
      copied.await();
      assertThat(hash).isNotDone();
      writer.write("written", 0, ByteBuffer.wrap(new byte[4]));
      gate.open(0);
      assertThat(hash.get()).isEqualTo(Sha256.of(folder.resolve("out"), each -> {}));
    }
  }

  @Test
  void letsGoOfALayerThatNeverComes() throws Exception {
    List<Segment> segments = segments(source());
    try (SafetensorsWriter writer = writer()) {
      CompletableFuture<String> hash =
          CompletableFuture.supplyAsync(
              () -> assembly(writer, segments, false, false, false).assemble(threads, bytes -> {}),
              threads);
      gate.fail(new IOException("stop"));
      assertThatThrownBy(hash::get)
          .isInstanceOf(ExecutionException.class)
          .hasCauseInstanceOf(LayerGate.Abandoned.class);
    }
  }

  @Test
  void saysWhatEndedAWrite() throws Exception {
    List<Segment> segments = segments(source());
    AtomicLong writes = new AtomicLong();
    try (SafetensorsWriter writer = writer()) {
      Executor full =
          command -> {
            if (writes.incrementAndGet() == 12) {
              throw new RejectedExecutionException("full");
            }
            threads.execute(command);
          };
      assertThatThrownBy(
              () -> assembly(writer, segments, false, false, false).assemble(full, bytes -> {}))
          .isInstanceOf(RejectedExecutionException.class)
          .hasMessage("full");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 524_285, 524_286, 524_287, 524_288, 899_999})
  void findsWhatIsNotFiniteWhereverAPieceEnds(int element) throws Exception {
    TensorInfo odd = new TensorInfo("odd", Dtype.U8, Shape.of(3));
    TensorInfo wide = new TensorInfo("wide", Dtype.BF16, Shape.of(900_000));
    byte[] bytes = new byte[3 + 2 * 900_000];
    Arrays.fill(bytes, (byte) 0x3F);
    bytes[3 + 2 * element] = (byte) 0x80;
    bytes[3 + 2 * element + 1] = (byte) 0x7F;
    Path source = Files.write(folder.resolve("in"), bytes);
    tensors.addAll(List.of(odd, wide));
    Segment run = new Segment.Kept(source, 0, bytes.length, List.of(odd, wide));
    try (SafetensorsWriter writer = writer()) {
      assertThatThrownBy(
              () ->
                  assembly(writer, List.of(run), false, false, true).assemble(threads, each -> {}))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("\"wide\"")
          .hasMessageContaining("first at element " + element + " ");
    }
  }

  @ParameterizedTest
  @CsvSource({"false", "true"})
  void saysThatASourceShrankWhereverItEnds(boolean uncached) throws Exception {
    Path source = source();
    List<Segment> segments = segments(source);
    try (FileChannel channel = FileChannel.open(source, StandardOpenOption.WRITE)) {
      channel.truncate(10_000_001);
    }
    try (SafetensorsWriter writer = writer()) {
      assertThatThrownBy(
              () ->
                  assembly(writer, segments, false, false, uncached).assemble(threads, bytes -> {}))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("ends at byte 10000001 or before");
    }
  }

  /// Its tensors begin where a block does, as the source's do.
  private SafetensorsWriter writer() {
    var planned = new ShardPlan.PlannedFile("out", tensors, OptionalInt.of(0));
    return SafetensorsWriter.create(Disk.LOCAL, folder.resolve("out"), planned, Map.of());
  }

  private ShardAssembly assembly(
      SafetensorsWriter writer,
      List<Segment> segments,
      boolean kernel,
      boolean sparse,
      boolean uncached) {
    CopyOptions options = new CopyOptions(LinkMode.AUTO, kernel, sparse, uncached, true);
    return new ShardAssembly(writer, segments, gate, options);
  }

  private Path source() throws IOException {
    int bytes = 0;
    for (int i = 0; i < KILOBYTES.length; i++) {
      int each = (KILOBYTES[i] << 10) + i % 2;
      tensors.add(new TensorInfo("kept" + i, Dtype.U8, Shape.of(each)));
      bytes += each;
    }
    tensors.add(new TensorInfo("written", Dtype.U8, Shape.of(4)));
    byte[] all = new byte[bytes];
    new Random(1).nextBytes(all);
    Arrays.fill(all, 1 << 20, 2 << 20, (byte) 0);
    return Files.write(folder.resolve("in"), all);
  }

  /// One run of kept tensors, then a written one.
  private List<Segment> segments(Path source) throws IOException {
    return List.of(
        new Segment.Kept(source, 0, Files.size(source), tensors.subList(0, tensors.size() - 1)),
        new Segment.Written(tensors.getLast(), 0));
  }
}
