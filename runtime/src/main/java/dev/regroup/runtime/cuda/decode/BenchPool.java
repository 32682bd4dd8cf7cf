package dev.regroup.runtime.cuda.decode;

import dev.regroup.runtime.cuda.CudaBuffer;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.CudaStream;
import java.util.Random;

/// One large piece of device memory full of Gaussian BF16 numbers, of which benchmarks make caches.
///
/// @param memory repeats a pattern; what is read twice is not what is cached, since caches know
///     addresses, not contents
record BenchPool(CudaContext context, CudaStream stream, CudaBuffer memory)
    implements AutoCloseable {
  private static final int PATTERN = 1 << 22; // elements

  static BenchPool of(CudaContext context, CudaStream stream, long bytes) {
    long whole = bytes / (2L * PATTERN) * (2L * PATTERN);
    CudaBuffer memory = context.allocate(whole);
    memory.upload(gaussian(PATTERN, 1));
    for (long filled = 2L * PATTERN; filled < whole; filled *= 2) {
      stream.copy(memory, 0, memory, filled, Math.min(filled, whole - filled));
    }
    stream.synchronize();
    return new BenchPool(context, stream, memory);
  }

  private static short[] gaussian(int elements, long seed) {
    var random = new Random(seed);
    short[] values = new short[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = (short) (Float.floatToRawIntBits((float) random.nextGaussian()) >>> 16);
    }
    return values;
  }

  long bytes() {
    return memory.bytes();
  }

  /// Starts a copy of the pool's beginning to its end.
  void copy(long bytes) {
    stream.copy(memory, 0, memory, memory.bytes() - bytes, bytes);
  }

  /// The inputs of one of several sets, its cache beside those of the others.
  DecodeInputs inputs(DecodeShape shape, int[] lengths, int set) {
    int most = 0;
    int count = 0;
    for (int length : lengths) {
      int pages = Math.ceilDiv(length, DecodePlan.PAGE);
      most = Math.max(most, pages);
      count += pages;
    }
    int[] order = shuffled(count, set);
    int[] table = new int[lengths.length * most];
    int next = 0;
    for (int sequence = 0; sequence < lengths.length; sequence++) {
      for (int page = 0; page < Math.ceilDiv(lengths[sequence], DecodePlan.PAGE); page++) {
        table[sequence * most + page] = order[next++];
      }
    }
    long pageElements = (long) DecodePlan.PAGE * shape.row().elements();
    CudaBuffer queries = context.allocate(2L * lengths.length * shape.queryElements());
    stream.copy(memory, 2L * 1009 * set, queries, 0, queries.bytes());
    return new DecodeInputs(
        queries,
        new DecodeInputs.Pages(
            memory.address() + 2L * set * count * pageElements, count, pageElements),
        new DecodeInputs.Table(context.allocate(4L * table.length).upload(table), most),
        context.allocate(4L * lengths.length).upload(lengths),
        context.allocate(2L * lengths.length * shape.outputElements()));
  }

  private static int[] shuffled(int count, int seed) {
    int[] order = new int[count];
    var random = new Random(seed);
    for (int i = 0; i < count; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  /// Frees what {@link #inputs} allocated.
  static void close(DecodeInputs inputs) {
    inputs.query().close();
    inputs.table().numbers().close();
    inputs.lengths().close();
    inputs.output().close();
  }

  @Override
  public void close() {
    memory.close();
  }
}
