package dev.regroup.runtime.cuda;

import dev.regroup.formats.architecture.FeedForward;
import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/// How fast the BF16 forward pass for calibration is, beside what the device's matrix units give.
public final class ForwardBench {
  private static final int WINDOWS = 8;
  private static final int TOKENS = 2048;
  private static final int LAYERS = 16;
  private static final int HIDDEN = 2048;
  private static final int PRODUCT = 8192;
  private static final int REPEATS = 11;

  private final CudaContext context;

  private ForwardBench(CudaContext context) {
    this.context = context;
  }

  /// What was measured.
  ///
  /// @param products what computed products
  /// @param productTeraflops of one BF16 product of 8192 x 8192 x 8192, random numbers
  /// @param milliseconds of the forward pass, the median
  /// @param teraflops of it: products, and of attention the half below the diagonal
  /// @param parts milliseconds of one layer's parts: attention without and with its projections, MLP
  public record Result(
      String products,
      double productTeraflops,
      double milliseconds,
      double teraflops,
      double[] parts,
      long peakBytes) {
    /// Of the rate of the product.
    public double share(double rate) {
      return teraflops / rate;
    }
  }

  /// A llama of 1B parameters on 8 x 2048 tokens, its weights random: all layers, in memory, without
  /// embedding and head, which calibration does not run. First by cuBLAS where it is installed, then
  /// by our own products.
  public static List<Result> run(CudaContext context) {
    var bench = new ForwardBench(context);
    List<Result> results = new ArrayList<>();
    Cublas.find().ifPresent(library -> results.add(bench.run(new CublasGemm(context, library))));
    results.add(bench.run(Gemm.own(context)));
    return results;
  }

  /// TFLOP/s of one BF16 product of 8192 x 8192 x 8192, random numbers, by the best that the machine
  /// has; a median.
  public static double productTeraflops(CudaContext context) {
    try (var math = new CudaMath(context, Precision.BFLOAT16, Gemm.best(context))) {
      return new ForwardBench(context).product(math);
    }
  }

  /// As Llama 3.2 1B: 32 query heads, 8 kv heads of 64, MLP of 8192.
  private static ModelSpec model() {
    var attention =
        new AttentionSpec(
            new Gqa(32, 8, 64),
            new QueryPath.Direct(false, false),
            new StatePath.KeyValue(false, false),
            Rope.standard(64, 500000, false),
            0.125,
            false,
            0);
    var layer = new LayerSpec(attention, new FeedForward.Dense(8192, false));
    return new ModelSpec(
        "llama", HIDDEN, 128256, Collections.nCopies(LAYERS, layer), 1e-5, true, 131072, 0);
  }

  private Result run(Gemm gemm) {
    ModelSpec model = model();
    context.resetPeak();
    try (var math = new CudaMath(context, Precision.BFLOAT16, gemm);
        var pool = new WeightPool(context);
        CudaBuffer stream = context.allocate(4L * WINDOWS * TOKENS * HIDDEN)) {
      double product = product(math);
      List<DeviceLayer> layers = new ArrayList<>();
      WeightSource source = WeightSource.Random.of(math, model);
      for (int i = 0; i < LAYERS; i++) {
        layers.add(layer(math, pool, model, i, source));
      }
      DeviceBlock hidden = DeviceBlock.of(stream, Precision.FLOAT32, WINDOWS * TOKENS, HIDDEN);
      math.randomise(hidden, 1, 1);
      double milliseconds =
          median(math, () -> layers.forEach(layer -> layer.forward(hidden, TOKENS)));
      double[] parts = parts(math, layers.getFirst(), hidden);
      layers.forEach(DeviceLayer::close);
      return new Result(
          gemm.describe(),
          product,
          milliseconds,
          flops() / milliseconds / 1e9,
          parts,
          context.peakBytes());
    }
  }

  private static DeviceLayer layer(
      CudaMath math, WeightPool pool, ModelSpec model, int index, WeightSource source) {
    return DeviceLayer.read(
        math,
        model,
        index,
        new DeviceLayer.Sources(
            new DeviceWeights(math, pool, source),
            new DeviceWeights(math, pool, source),
            new DeviceWeights(math, pool, source),
            null));
  }

  private double[] parts(CudaMath math, DeviceLayer layer, DeviceBlock hidden) {
    DeviceBlock x = layer.attentionInput(hidden);
    DeviceAttention attention = layer.attention();
    DeviceBlock queries = math.block("queries", x.rows(), attention.queryColumns());
    DeviceBlock rows =
        math.block("rows", x.rows(), attention.spec().layout().cacheRow().elements());
    DeviceBlock heads = math.block("heads", x.rows(), HIDDEN);
    return new double[] {
      median(math, () -> attention.heads(queries, rows, heads, TOKENS)),
      median(math, () -> attention.forward(x, TOKENS, hidden, true)),
      median(math, () -> layer.feedForward().forward(x, hidden, true)),
      median(math, () -> layer.attentionInput(hidden))
    };
  }

  private static double flops() {
    double tokens = (double) WINDOWS * TOKENS;
    double weights = 2.0 * HIDDEN * HIDDEN + 2.0 * HIDDEN * 512 + 3.0 * HIDDEN * 8192;
    double attention = 4.0 * HIDDEN * (TOKENS + 1) / 2;
    return LAYERS * tokens * (2 * weights + attention);
  }

  /// TFLOP/s of a large product, three sets of factors in turn.
  private double product(CudaMath math) {
    long bytes = 2L * PRODUCT * PRODUCT;
    try (CudaBuffer a = context.allocate(3 * bytes);
        CudaBuffer b = context.allocate(3 * bytes);
        CudaBuffer c = context.allocate(bytes)) {
      DeviceBlock as = DeviceBlock.of(a, Precision.BFLOAT16, 3 * PRODUCT, PRODUCT);
      DeviceBlock bs = DeviceBlock.of(b, Precision.BFLOAT16, 3 * PRODUCT, PRODUCT);
      math.randomise(as, 2, 1);
      math.randomise(bs, 3, 1);
      DeviceBlock to = DeviceBlock.of(c, Precision.BFLOAT16, PRODUCT, PRODUCT);
      int[] turn = {0};
      double milliseconds =
          median(
              math,
              () -> {
                int first = turn[0]++ % 3 * PRODUCT;
                var layer = new DeviceLinear(bs.rows(first, PRODUCT), null);
                math.linear(layer, as.rows(first, PRODUCT), to, false);
              });
      return 2.0 * PRODUCT * PRODUCT * PRODUCT / milliseconds / 1e9;
    }
  }

  /// Milliseconds of device time of some work.
  private double median(CudaMath math, Runnable work) {
    double[] times = new double[REPEATS];
    try (CudaEvent begin = context.event();
        CudaEvent end = context.event()) {
      for (int i = -3; i < REPEATS; i++) {
        begin.record(math.stream());
        work.run();
        end.record(math.stream()).synchronize();
        if (i >= 0) {
          times[i] = end.millisecondsSince(begin);
        }
      }
    }
    Arrays.sort(times);
    return times[REPEATS / 2];
  }
}
