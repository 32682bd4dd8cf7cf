package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.cuda.CudaKernel.Extent;
import dev.regroup.runtime.cuda.CudaKernel.Launch;
import dev.regroup.runtime.model.HeadSlices;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.Product;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/// {@link StreamTraining} by `fit.cu`, on one stream; float32 without rounding to fewer bits.
final class CudaTraining implements StreamTraining {
  private static final int THREADS = 256;
  private static final int ROWS = THREADS / 32;

  /// As many as `fit.cu` has.
  private static final int INDICES = 64;

  private static final int TOTALS = 512;

  private final CudaContext context;
  private final CudaMath math;
  private final CudaStream stream;
  private final CudaModule module;
  private final TrainingProducts products;
  private final Rounding rounding;
  private final CudaBuffer totals;
  private final CudaNorms norms;

  /// @param context closed by the caller, after this
  CudaTraining(CudaContext context) {
    this.context = context;
    math = new CudaMath(context, Precision.FLOAT32, Gemm.own(context));
    stream = math.stream();
    module = context.module("fit");
    products = new TrainingProducts(math, module);
    rounding = new Rounding(context, stream);
    totals = context.allocate(8L * TOTALS);
    norms = new CudaNorms(math);
  }

  CudaMath math() {
    return math;
  }

  @Override
  public CudaStream stream() {
    return stream;
  }

  @Override
  public String products() {
    return "fit.cu";
  }

  @Override
  public Memory allocate(long length) {
    return memory(length, false);
  }

  CudaMemory memory(long length, boolean factor) {
    return new CudaMemory(rounding, length, factor);
  }

  @Override
  public long available() {
    return context.availableBytes() / Float.BYTES;
  }

  @Override
  public void multiply(Product product) {
    products.multiply(product);
  }

  @Override
  public void gather(Memory from, Memory to, int[] blocks, int each) {
    CudaBuffer source = read(from);
    long target = changed(to).address();
    for (int first = 0; first < blocks.length; first += INDICES) {
      int[] some = Arrays.copyOfRange(blocks, first, Math.min(blocks.length, first + INDICES));
      byte[] indices = new byte[Integer.BYTES * INDICES];
      ByteBuffer.wrap(indices).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().put(some);
      module
          .kernel("fit_gather")
          .launch(
              stream,
              new Launch(
                  new Extent(Math.ceilDiv(each, THREADS), some.length, 1), Extent.of(THREADS), 0),
              source,
              target + (long) Float.BYTES * first * each,
              indices,
              each);
    }
  }

  @Override
  public void addBias(Memory x, Memory bias, int rows) {
    int width = Math.toIntExact(bias.length());
    elements("fit_add_bias", (long) rows * width, changed(x), read(bias), width);
  }

  @Override
  public void rotate(Memory x, int rows, Slices slices, Rope rope, int tokens) {
    DeviceBlock block = DeviceBlock.of(changed(x), Precision.FLOAT32, rows, slices.rowStride());
    rotate(block, slices, rope, tokens);
  }

  void rotate(DeviceBlock x, Slices slices, Rope rope, int tokens) {
    var turned =
        new HeadSlices(slices.heads(), slices.offset(), slices.headStride(), slices.rowStride());
    math.rotate(x, turned, rope, 0, tokens);
  }

  @Override
  public void causalSoftmax(Memory scores, HeadRows rows, int window) {
    long count = rows.squareRows();
    rows("fit_softmax", count, changed(scores), count, rows.tokens(), window);
  }

  @Override
  public void unweigh(
      Memory scores,
      Memory probabilities,
      Memory outputs,
      Memory heads,
      HeadRows rows,
      float scale) {
    long count = rows.squareRows();
    rows(
        "fit_unweigh",
        count,
        changed(scores),
        read(probabilities),
        read(outputs),
        read(heads),
        structure(rows),
        scale,
        count);
  }

  static byte[] structure(HeadRows rows) {
    return structure(16)
        .putInt(rows.windows())
        .putInt(rows.tokens())
        .putInt(rows.heads())
        .putInt(rows.width())
        .array();
  }

  @Override
  public void rmsNorm(Memory x, Memory y, Norm norm) {
    norms.normalise(x, y, norm);
  }

  @Override
  public void pullRmsNorm(Memory x, Memory pulled, Memory byX, Norm norm) {
    norms.pull(x, pulled, byX, norm);
  }

  @Override
  public void pullRmsNormGains(Memory x, Memory pulled, Memory byGain, Norm norm, boolean add) {
    norms.pullGains(x, pulled, byGain, norm, add);
  }

  @Override
  public void fold(Memory from, Memory to, Fold fold, boolean add) {
    long count = (long) fold.rows() * fold.groups() * fold.width();
    elements("fit_fold", count, read(from), changed(to), structure(fold, add));
  }

  static byte[] structure(Fold fold, boolean add) {
    return structure(24)
        .putInt(fold.rows())
        .putInt(fold.groups())
        .putInt(fold.group())
        .putInt(fold.width())
        .putInt(fold.groupStride())
        .putInt(add ? 1 : 0)
        .array();
  }

  @Override
  public void residual(
      Memory output, Memory target, long count, float scale, Memory errors, int slot, boolean add) {
    launch(
        "fit_residual",
        Launch.of(TOTALS, THREADS),
        new Object[] {changed(output), read(target), count, scale, totals});
    long error = changed(errors).address() + (long) Float.BYTES * slot;
    launch("fit_total", Launch.of(1, THREADS), new Object[] {totals, error, add ? 1 : 0});
  }

  @Override
  public void follow(Memory gradient, Memory mean, Memory square, Follow follow) {
    byte[] settings =
        structure(24)
            .putFloat(follow.meanShare())
            .putFloat(follow.squareShare())
            .putFloat(follow.meanBias())
            .putFloat(follow.squareBias())
            .putFloat(follow.tiny())
            .array();
    elements(
        "fit_follow", mean.length(), changed(gradient), changed(mean), changed(square), settings);
  }

  @Override
  public void move(Memory values, Memory gradient, Memory step, float length) {
    elements("fit_move", values.length(), changed(values), read(gradient), read(step), length);
  }

  private static ByteBuffer structure(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /// A warp a row.
  private void rows(String kernel, long rows, Object... arguments) {
    launch(kernel, Launch.of(Math.ceilDiv(rows, (long) ROWS), THREADS), arguments);
  }

  /// A thread an element; the kernel's last parameter is their number.
  private void elements(String kernel, long count, Object... arguments) {
    Object[] all = Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = count;
    launch(kernel, Launch.of(Math.ceilDiv(count, (long) THREADS), THREADS), all);
  }

  private void launch(String kernel, Launch launch, Object[] arguments) {
    module.kernel(kernel).launch(stream, launch, arguments);
  }

  private static CudaBuffer read(Memory memory) {
    return CudaMemory.of(memory).floats();
  }

  private static CudaBuffer changed(Memory memory) {
    return CudaMemory.of(memory).changed();
  }

  @Override
  public void close() {
    stream.synchronize();
    totals.close();
    math.close();
  }
}
