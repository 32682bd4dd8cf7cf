package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.cuda.CudaKernel.Extent;
import dev.regroup.runtime.cuda.CudaKernel.Launch;
import dev.regroup.runtime.model.HeadSlices;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// What a forward pass is made of, on the device: the twin of {@link
/// dev.regroup.runtime.model.Operations} on device memory.
///
/// Every call starts work on one stream and returns; results are there after {@link #synchronize} or a
/// download. Not safe for use by several threads at once.
final class CudaMath implements AutoCloseable {
  private static final int THREADS = 256;

  private final CudaContext context;
  private final Precision precision;
  private final CudaStream stream;
  private final Gemm gemm;
  private final Scratch scratch;
  private final CudaModule forward;
  private final Map<Rope, RopeTable> tables = new HashMap<>();

  CudaMath(CudaContext context, Precision precision, Gemm gemm) {
    this.context = context;
    this.precision = precision;
    this.gemm = gemm;
    stream = context.stream();
    scratch = new Scratch(context);
    forward = context.module("forward");
  }

  CudaContext context() {
    return context;
  }

  /// Of activations and weights.
  Precision precision() {
    return precision;
  }

  CudaStream stream() {
    return stream;
  }

  Gemm gemm() {
    return gemm;
  }

  Scratch scratch() {
    return scratch;
  }

  /// Waits for what was started.
  void synchronize() {
    stream.synchronize();
  }

  /// A matrix for intermediate results, in this precision.
  DeviceBlock block(String name, int rows, int columns) {
    return scratch.block(name, precision, rows, columns);
  }

  /// `y = W x + b` of every row.
  ///
  /// @param add whether y is added to
  void linear(DeviceLinear layer, DeviceBlock x, DeviceBlock y, boolean add) {
    gemm.multiply(
        stream,
        new Gemm.Product(
            x.type(),
            y.type(),
            false,
            add,
            new Gemm.Sizes(1, x.rows(), layer.out(), layer.in()),
            Gemm.Operand.of(x),
            Gemm.Operand.of(layer.weight()),
            Gemm.Operand.of(y)));
    CudaBuffer bias = layer.bias();
    if (bias != null) {
      long count = (long) x.rows() * layer.out();
      launch("add_bias_" + y.type().suffix(), count, y.address(), bias, layer.out(), y.stride());
    }
  }

  /// Starts a kernel of a thread an element; its last parameter is the number of elements.
  private void launch(String kernel, long count, Object... arguments) {
    Object[] all = Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = count;
    forward
        .kernel(kernel)
        .launch(stream, Launch.of(Math.ceilDiv(count, (long) THREADS), THREADS), all);
  }

  /// RMS norms of rows as long as the gain; `y` may be `x`.
  void rmsNorm(DeviceBlock x, CudaBuffer gain, DeviceBlock y, double epsilon) {
    String types =
        x.type() == y.type() ? x.type().suffix() : x.type().suffix() + "_" + y.type().suffix();
    int threads = x.columns() <= 512 ? 32 : THREADS;
    forward
        .kernel("rms_norm_" + types)
        .launch(
            stream,
            Launch.of(Math.ceilDiv(x.rows(), THREADS / threads), THREADS),
            x.address(),
            (long) x.stride(),
            gain,
            y.address(),
            (long) y.stride(),
            x.rows(),
            x.columns(),
            (float) epsilon,
            threads);
  }

  /// Turns slices of every row in place. Row r stands at `first + r % tokens`.
  void rotate(DeviceBlock x, HeadSlices slices, Rope rope, int first, int tokens) {
    RopeTable table = table(rope, first + tokens);
    rotate(x, slices, rope, table, 0L, first, tokens);
  }

  /// The same; row r stands at `positions[r]`, below `most`.
  void rotateAt(DeviceBlock x, HeadSlices slices, Rope rope, CudaBuffer positions, int most) {
    rotate(x, slices, rope, table(rope, most), positions.address(), 0, 1);
  }

  private void rotate(
      DeviceBlock x,
      HeadSlices slices,
      Rope rope,
      RopeTable table,
      long positions,
      int first,
      int tokens) {
    int pairs = rope.dim() / 2;
    if (pairs == 0) {
      return;
    }
    byte[] layout =
        ByteBuffer.allocate(32)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(x.stride())
            .putInt(slices.heads())
            .putInt(slices.offset())
            .putInt(slices.headStride())
            .putInt(pairs)
            .putInt(rope.interleaved() ? 2 : 1)
            .putInt(rope.interleaved() ? 1 : pairs)
            .array();
    long count = (long) x.rows() * slices.heads() * pairs;
    launch(
        "rotate_" + x.type().suffix(),
        count,
        x.address(),
        layout,
        table.buffer(),
        positions,
        first,
        tokens);
  }

  private RopeTable table(Rope rope, int positions) {
    RopeTable known = tables.get(rope);
    if (known == null || known.positions() < positions) {
      if (known != null) {
        context.synchronize();
        known.buffer().close();
      }
      known = RopeTable.of(context, rope, Math.max(positions, 512));
      tables.put(rope, known);
    }
    return known;
  }

  /// Copies `heads` slices of `width` elements of every row, casting where types differ.
  ///
  /// @param fromHead elements from one slice to the next in a row of `from`; `toHead` in `to`
  void copy(DeviceBlock from, int fromHead, DeviceBlock to, int toHead, int heads, int width) {
    byte[] layout =
        ByteBuffer.allocate(32)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(from.stride())
            .putLong(to.stride())
            .putInt(fromHead)
            .putInt(toHead)
            .putInt(heads)
            .putInt(width)
            .array();
    String types =
        from.type() == to.type()
            ? from.type().suffix()
            : from.type().suffix() + "_" + to.type().suffix();
    long count = (long) from.rows() * heads * width;
    launch("copy_" + types, count, from.address(), to.address(), layout);
  }

  /// Copies a whole matrix, casting where types differ.
  void copy(DeviceBlock from, DeviceBlock to) {
    copy(from, 0, to, 0, 1, from.columns());
  }

  /// `y = silu(x[:, :n]) · x[:, n:]`, rows one after another.
  void gate(DeviceBlock x, DeviceBlock y) {
    long count = y.elements();
    if (y.type() == Precision.BFLOAT16 && y.columns() % 8 == 0) {
      long threads = count / 8;
      forward
          .kernel("gate_bf16")
          .launch(
              stream,
              Launch.of(Math.ceilDiv(threads, (long) THREADS), THREADS),
              x.address(),
              y.address(),
              y.columns(),
              count);
    } else {
      String kernel = y.type() == Precision.BFLOAT16 ? "gate_any_bf16" : "gate_f32";
      launch(kernel, count, x.address(), y.address(), y.columns());
    }
  }

  /// Sets a matrix whose rows follow each other to zero.
  void zero(DeviceBlock x) {
    stream.fill(x.address(), x.elements() * x.type().bytes());
  }

  /// `x += y`, float32, rows one after another.
  void add(DeviceBlock x, DeviceBlock y) {
    launch("add_f32", x.elements(), x.address(), y.address());
  }

  /// Rows of an embedding `[vocabulary, D]`, as float32.
  ///
  /// @param tokens int32 ids
  void embed(CudaBuffer tokens, DeviceBlock table, DeviceBlock to) {
    launch(
        "embed_" + table.type().suffix(),
        to.elements(),
        tokens,
        table.address(),
        to.address(),
        to.columns());
  }

  /// IEEE half precision to float32.
  ///
  /// @param from address of as many codes
  void expandHalf(long from, DeviceBlock to) {
    launch("expand_f16", to.elements(), from, to.address());
  }

  /// How quantised weights lie; see `quantized.cu`.
  record Blocks(int columns, int blockRows, int blockColumns, int scaleColumns, boolean wide) {}

  /// FP8 codes times their scales.
  ///
  /// @param codes address of as many codes as `to` has elements
  /// @param scales float32
  void dequantize(long codes, CudaBuffer scales, DeviceBlock to, Blocks blocks) {
    byte[] layout =
        ByteBuffer.allocate(24)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(blocks.columns())
            .putInt(blocks.blockRows())
            .putInt(blocks.blockColumns())
            .putInt(blocks.scaleColumns())
            .putInt(blocks.wide() ? 1 : 0)
            .array();
    context
        .module("quantized")
        .kernel("dequantize_" + to.type().suffix())
        .launch(
            stream,
            Launch.of(Math.ceilDiv(to.elements(), (long) THREADS), THREADS),
            codes,
            scales,
            to.address(),
            layout,
            to.elements());
  }

  /// Fills a matrix whose rows follow each other with random numbers of mean 0.
  void randomise(DeviceBlock x, long seed, float size) {
    launch("randomise_" + x.type().suffix(), x.elements(), x.address(), seed, size);
  }

  /// Starts a kernel of another module on this stream.
  void launch(CudaKernel kernel, Extent grid, Extent block, int shared, Object... arguments) {
    kernel.launch(stream, new Launch(grid, block, shared), arguments);
  }

  @Override
  public void close() {
    context.synchronize();
    scratch.close();
    tables.values().forEach(table -> table.buffer().close());
    tables.clear();
    gemm.close();
    stream.close();
  }
}
