package dev.regroup.runtime.cuda.decode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.attention.Gla;
import dev.regroup.runtime.cuda.CudaBuffer;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.CudaStream;
import dev.regroup.runtime.cuda.Gpu;
import dev.regroup.runtime.cuda.Precision;
import dev.regroup.runtime.decode.PagedCache;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@SuppressWarnings("NullAway.Init") // JUnit sets the field
final class CudaBatchDecodeTest extends BatchDecodeContract {
  private CudaContext context;

  @BeforeAll
  void open() {
    context = Gpu.open();
  }

  @AfterAll
  void close() {
    if (context != null) {
      assertThat(context.usedBytes()).isZero();
      context.close();
    }
  }

  @Override
  List<int[]> lengths() {
    return List.of(
        new int[] {1},
        new int[] {1, 7, 63, 64, 65, 1021},
        new int[] {300, 8192}, // more pieces than are merged where they end
        upTo(128));
  }

  @Override
  List<float[]> attend(Batch batch) {
    return attend(batch, false);
  }

  private List<float[]> attend(Batch batch, boolean schedulesOnDevice) {
    DecodeShape shape = batch.shape();
    int sequences = batch.caches().size();
    try (OnDevice device = OnDevice.of(context, batch);
        CudaStream stream = context.stream();
        CudaDecode decode = new CudaDecode(context, shape, sequences)) {
      if (schedulesOnDevice) {
        decode.schedule(stream, device.inputs());
      } else {
        decode.schedule(batch.lengths());
      }
      for (int call = 0; call < 2; call++) { // the second finds the counters as the first left them
        device.inputs().output().fill(0xff); // NaN: what is not written shows
        decode.attend(stream, device.inputs(), batch.scale());
        stream.synchronize();
      }
      float[] all = device.inputs().output().floats(sequences * shape.outputElements());
      List<float[]> outputs = new ArrayList<>();
      for (int i = 0; i < sequences; i++) {
        outputs.add(
            Arrays.copyOfRange(all, i * shape.outputElements(), (i + 1) * shape.outputElements()));
      }
      return outputs;
    }
  }

  @Test
  void schedulesOnTheDeviceAsOnTheHost() {
    Batch batch =
        Batch.of(
            new Gla(16, 1, 256, 64, 64, 64),
            2,
            0,
            Precision.BFLOAT16,
            new int[] {5, 700, 64, 3000});
    List<float[]> host = attend(batch, false);
    List<float[]> device = attend(batch, true);
    for (int i = 0; i < host.size(); i++) {
      for (int j = 0; j < host.get(i).length; j++) {
        assertThat(device.get(i)[j])
            .isCloseTo(host.get(i)[j], org.assertj.core.data.Offset.offset(0.02f));
      }
    }
  }

  @Test
  void givesTheSameBitsEveryTime() {
    Batch batch =
        Batch.of(new Gla(16, 1, 512, 64, 64, 64), 1, 0, Precision.BFLOAT16, new int[] {900, 4000});
    List<float[]> once = attend(batch);
    for (int round = 0; round < 5; round++) {
      assertThat(attend(batch)).zipSatisfy(once, (a, b) -> assertThat(a).isEqualTo(b));
    }
  }

  /// A batch in device memory, its pages in random order, one page of NaN behind them.
  private record OnDevice(DecodeInputs inputs, CudaBuffer pages) implements AutoCloseable {
    static OnDevice of(CudaContext context, Batch batch) {
      DecodeShape shape = batch.shape();
      List<float[]> all = new ArrayList<>();
      int most = batch.caches().stream().mapToInt(PagedCache::pages).max().orElse(0);
      int count = batch.caches().stream().mapToInt(PagedCache::pages).sum();
      int[] table = new int[batch.caches().size() * (most + 1)];
      Arrays.fill(table, count); // pages behind the end: NaN
      List<Integer> order = new ArrayList<>(IntStream.range(0, count).boxed().toList());
      Collections.shuffle(order, new Random(1));
      int pageElements = PagedCache.PAGE_TOKENS * shape.row().elements();
      int bytes = shape.types().cache().bytes();
      CudaBuffer pages = context.allocate((long) (count + 1) * pageElements * bytes).fill(0xff);
      float[] flat = new float[(count + 1) * pageElements];
      Arrays.fill(flat, Float.NaN);
      for (int i = 0; i < batch.caches().size(); i++) {
        PagedCache cache = batch.caches().get(i);
        for (int page = 0; page < cache.pages(); page++) {
          int at = order.get(all.size());
          all.add(cache.page(page * PagedCache.PAGE_TOKENS));
          table[i * (most + 1) + page] = at;
          System.arraycopy(all.getLast(), 0, flat, at * pageElements, pageElements);
        }
      }
      if (shape.types().cache() == Precision.FLOAT32) {
        pages.upload(flat);
      } else {
        short[] halves = new short[flat.length];
        for (int i = 0; i < halves.length; i++) {
          halves[i] = Batch.bits(flat[i]);
        }
        pages.upload(halves);
      }
      float[] queries = new float[batch.caches().size() * shape.queryElements()];
      for (int i = 0; i < batch.caches().size(); i++) {
        System.arraycopy(
            batch.queries().get(i), 0, queries, i * shape.queryElements(), shape.queryElements());
      }
      var inputs =
          new DecodeInputs(
              context.allocate(4L * queries.length).upload(queries),
              new DecodeInputs.Pages(pages.address(), count + 1, pageElements),
              new DecodeInputs.Table(context.allocate(4L * table.length).upload(table), most + 1),
              context.allocate(4L * batch.caches().size()).upload(batch.lengths()),
              context.allocate(4L * batch.caches().size() * shape.outputElements()));
      return new OnDevice(inputs, pages);
    }

    @Override
    public void close() {
      inputs.query().close();
      inputs.table().numbers().close();
      inputs.lengths().close();
      inputs.output().close();
      pages.close();
    }
  }
}
