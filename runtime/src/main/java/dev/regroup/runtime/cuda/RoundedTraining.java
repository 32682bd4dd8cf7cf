package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.cuda.CublasHandle.Mode;
import dev.regroup.runtime.cuda.CudaKernel.Launch;
import dev.regroup.runtime.train.Accuracy;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.Product;
import java.util.Arrays;

/// {@link StreamTraining} whose products read BF16 factors, by cuBLAS; what is summed, and whatever does
/// not only pass from one product to the next, is float32 and by {@link CudaTraining}.
///
/// A factor is rounded once however many products read it: {@link CudaMemory} keeps it until its
/// elements change. Softmax and its transpose leave BF16 alone behind, and so do products whose results
/// are factors.
final class RoundedTraining implements StreamTraining {
  private static final int THREADS = 256;
  private static final int ROWS = THREADS / 32;

  /// Rows of a part of a triangular product: at 512 tokens a quarter of a square is skipped, and at
  /// 2048 tokens seven sixteenths. Smaller parts would be more launches of little work.
  static final int BLOCK = 256;

  private final CudaTraining whole;
  private final CudaContext context;
  private final CudaMath math;
  private final CublasHandle cublas;
  private final CudaModule module;

  /// @param context closed by the caller, after this
  RoundedTraining(CudaContext context, Cublas library) {
    this.context = context;
    whole = new CudaTraining(context);
    math = whole.math();
    cublas = new CublasHandle(context, library);
    module = context.module("fit_bf16");
  }

  @Override
  public CudaStream stream() {
    return math.stream();
  }

  @Override
  public String products() {
    return cublas.describe();
  }

  @Override
  public Accuracy accuracy() {
    return Accuracy.BFLOAT16;
  }

  @Override
  public int zeroed() {
    return BLOCK;
  }

  @Override
  public Memory allocate(long length) {
    return whole.allocate(length);
  }

  @Override
  public Memory allocateFactor(long length) {
    return whole.memory(length, true);
  }

  @Override
  public long available() {
    return whole.available();
  }

  @Override
  public void multiply(Product product) {
    round(product);
    Product.Factors factors = product.factors();
    CudaMemory to = CudaMemory.of(factors.c().memory());
    long second = CudaMemory.of(factors.a().memory()).halves().address();
    long first = CudaMemory.of(factors.b().memory()).halves().address();
    CudaBuffer result;
    if (to.factor()) {
      result = to.changedHalves();
    } else {
      // scores replace probabilities, which softmax left here in BF16 alone
      result = product.add() ? to.changed() : to.replaced();
    }
    Precision output = to.factor() ? Precision.BFLOAT16 : Precision.FLOAT32;
    multiply(
        product, new CublasHandle.Bases(first, second, result.address(), output), Mode.BFLOAT16);
  }

  /// Rounds the factors of a product where they are not yet; {@link #multiply} does so by itself.
  void round(Product product) {
    CudaMemory.of(product.factors().a().memory()).halves();
    CudaMemory.of(product.factors().b().memory()).halves();
  }

  @Override
  public void multiplyFinely(Product product) {
    Product.Factors factors = product.factors();
    long second = CudaMemory.of(factors.a().memory()).floats().address();
    long first = CudaMemory.of(factors.b().memory()).floats().address();
    long result = CudaMemory.of(factors.c().memory()).changed().address();
    multiply(product, new CublasHandle.Bases(first, second, result, Precision.FLOAT32), Mode.TF32);
  }

  private void multiply(Product product, CublasHandle.Bases bases, Mode mode) {
    Product.Sizes sizes = product.sizes();
    if (sizes.rows() == 0 || sizes.columns() == 0) {
      return;
    }
    for (ColumnMajor call : ColumnMajor.of(product, BLOCK)) {
      cublas.multiply(math.stream(), call, bases, mode, product.alpha(), product.add() ? 1 : 0);
    }
  }

  @Override
  public void gather(Memory from, Memory to, int[] blocks, int each) {
    whole.gather(from, to, blocks, each);
  }

  @Override
  public void addBias(Memory x, Memory bias, int rows) {
    CudaMemory to = CudaMemory.of(x);
    if (!to.factor()) {
      whole.addBias(x, bias, rows);
      return;
    }
    int width = Math.toIntExact(bias.length());
    elements(
        "fit_add_bias_bf16",
        (long) rows * width,
        to.changedHalves(),
        CudaMemory.of(bias).floats(),
        width);
  }

  @Override
  public void rotate(Memory x, int rows, Slices slices, Rope rope, int tokens) {
    CudaMemory to = CudaMemory.of(x);
    if (!to.factor()) {
      whole.rotate(x, rows, slices, rope, tokens);
      return;
    }
    DeviceBlock block =
        DeviceBlock.of(to.changedHalves(), Precision.BFLOAT16, rows, slices.rowStride());
    whole.rotate(block, slices, rope, tokens);
  }

  @Override
  public void causalSoftmax(Memory scores, HeadRows rows, int window) {
    CudaMemory squares = CudaMemory.of(scores);
    CudaBuffer from = squares.floats();
    long count = rows.squareRows();
    rows(
        "fit_softmax_bf16",
        count,
        from,
        squares.replacedHalves(),
        count,
        rows.tokens(),
        window,
        BLOCK);
  }

  @Override
  public void unweigh(
      Memory scores,
      Memory probabilities,
      Memory outputs,
      Memory heads,
      HeadRows rows,
      float scale) {
    CudaMemory squares = CudaMemory.of(scores);
    CudaBuffer from = squares.floats();
    long count = rows.squareRows();
    rows(
        "fit_unweigh_bf16",
        count,
        from,
        CudaMemory.of(probabilities).halves(),
        CudaMemory.of(outputs).halves(),
        CudaMemory.of(heads).halves(),
        squares.replacedHalves(),
        CudaTraining.structure(rows),
        scale,
        BLOCK,
        count);
  }

  @Override
  public void rmsNorm(Memory x, Memory y, Norm norm) {
    whole.rmsNorm(x, y, norm);
  }

  @Override
  public void pullRmsNorm(Memory x, Memory pulled, Memory byX, Norm norm) {
    whole.pullRmsNorm(x, pulled, byX, norm);
  }

  @Override
  public void pullRmsNormGains(Memory x, Memory pulled, Memory byGain, Norm norm, boolean add) {
    whole.pullRmsNormGains(x, pulled, byGain, norm, add);
  }

  @Override
  public void fold(Memory from, Memory to, Fold fold, boolean add) {
    elements(
        "fit_fold_bf16",
        (long) fold.rows() * fold.groups() * fold.width(),
        CudaMemory.of(from).halves(),
        CudaMemory.of(to).changed(),
        CudaTraining.structure(fold, add));
  }

  @Override
  public void residual(
      Memory output, Memory target, long count, float scale, Memory errors, int slot, boolean add) {
    whole.residual(output, target, count, scale, errors, slot, add);
  }

  @Override
  public void follow(Memory gradient, Memory mean, Memory square, Follow follow) {
    whole.follow(gradient, mean, square, follow);
  }

  @Override
  public void move(Memory values, Memory gradient, Memory step, float length) {
    whole.move(values, gradient, step, length);
  }

  /// A warp a row.
  private void rows(String kernel, long rows, Object... arguments) {
    module
        .kernel(kernel)
        .launch(math.stream(), Launch.of(Math.ceilDiv(rows, (long) ROWS), THREADS), arguments);
  }

  /// A thread an element; the kernel's last parameter is their number.
  private void elements(String kernel, long count, Object... arguments) {
    Object[] all = Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = count;
    module
        .kernel(kernel)
        .launch(math.stream(), Launch.of(Math.ceilDiv(count, (long) THREADS), THREADS), all);
  }

  @Override
  public void close() {
    context.synchronize();
    cublas.close();
    whole.close();
  }
}
