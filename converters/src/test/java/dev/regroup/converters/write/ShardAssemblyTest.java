package dev.regroup.converters.write;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.manifest.Sha256;
import dev.regroup.formats.safetensors.SafetensorsWriter;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Copying ahead, hashing behind: neither may wait for the other for ever.
@Timeout(60)
final class ShardAssemblyTest {
  private static final long LEAD = 2 * CopyFront.STRIDE + 1;

  /// None as long as a stride, all together longer than the lead.
  private static final int[] MEGABYTES = {3, 1, 5, 1, 7, 2, 1, 6, 1, 4, 3, 7};

  @TempDir Path folder;

  private final Executor threads = command -> Thread.ofPlatform().daemon().start(command);
  private final LayerGate gate = new LayerGate();
  private final List<TensorInfo> tensors = new ArrayList<>();

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void copiesManySmallTensorsAheadOfAHashThatWaits(boolean kernel) throws Exception {
    Path source = source();
    List<Segment> segments = segments(source);
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(folder.resolve("out"), tensors, Map.of())) {
      ShardAssembly assembly = assembly(writer, segments, kernel);
      CompletableFuture<Void> copy = CompletableFuture.runAsync(assembly::copy, threads);
      CompletableFuture<String> hash =
          CompletableFuture.supplyAsync(() -> assembly.hash(bytes -> {}), threads);
      writer.write("written", 0, ByteBuffer.wrap(new byte[] {1, 2, 3, 4}));
      gate.open(0);
      String sha256 = hash.get();
      copy.get();
      writer.finish();
      assertThat(sha256).isEqualTo(Sha256.of(folder.resolve("out"), bytes -> {}));
    }
    byte[] out = Files.readAllBytes(folder.resolve("out"));
    byte[] in = Files.readAllBytes(source);
    assertThat(out).endsWith(in);
  }

  @Test
  void hashesNothingThatIsNotCopiedYet() throws Exception {
    List<Segment> segments = segments(source());
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(folder.resolve("out"), tensors, Map.of())) {
      ShardAssembly assembly = assembly(writer, segments, false);
      writer.write("written", 0, ByteBuffer.wrap(new byte[4]));
      gate.open(0);
      CompletableFuture<String> hash =
          CompletableFuture.supplyAsync(() -> assembly.hash(bytes -> {}), threads);
      TimeUnit.MILLISECONDS.sleep(200);
      assertThat(hash).isNotDone();
      assembly.copy();
      assertThat(hash.get()).isEqualTo(Sha256.of(folder.resolve("out"), bytes -> {}));
    }
  }

  @Test
  void copiesNoMoreThanItsLeadWhileALayerIsAwaited() throws Exception {
    List<Segment> segments = segments(source());
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(folder.resolve("out"), tensors, Map.of())) {
      ShardAssembly assembly = assembly(writer, segments, false);
      CompletableFuture<Void> copy = CompletableFuture.runAsync(assembly::copy, threads);
      CompletableFuture<String> hash =
          CompletableFuture.supplyAsync(() -> assembly.hash(bytes -> {}), threads);
      TimeUnit.MILLISECONDS.sleep(300);
      assertThat(copy).isNotDone();
      assertThat(writer.file().size()).isLessThan(writer.bytes());
      gate.fail(new IOException("stop"));
      for (CompletableFuture<?> each : List.of(copy, hash)) {
        assertThatThrownBy(each::get)
            .isInstanceOf(ExecutionException.class)
            .hasCauseInstanceOf(LayerGate.Abandoned.class);
      }
    }
  }

  private ShardAssembly assembly(SafetensorsWriter writer, List<Segment> segments, boolean kernel) {
    CopyOptions options = new CopyOptions(LinkMode.AUTO, kernel, false, true);
    return new ShardAssembly(writer, segments, gate, options, new CopyFront(gate, LEAD));
  }

  private Path source() throws IOException {
    tensors.add(new TensorInfo("written", Dtype.U8, Shape.of(4)));
    int bytes = 0;
    for (int i = 0; i < MEGABYTES.length; i++) {
      int each = (MEGABYTES[i] << 20) + i;
      tensors.add(new TensorInfo("kept" + i, Dtype.U8, Shape.of(each)));
      bytes += each;
    }
    byte[] all = new byte[bytes];
    new Random(1).nextBytes(all);
    return Files.write(folder.resolve("in"), all);
  }

  /// A written tensor, then one run of kept ones.
  private List<Segment> segments(Path source) throws IOException {
    return List.of(
        new Segment.Written(tensors.getFirst(), 0),
        new Segment.Kept(source, 0, Files.size(source), tensors.subList(1, tensors.size())));
  }
}
