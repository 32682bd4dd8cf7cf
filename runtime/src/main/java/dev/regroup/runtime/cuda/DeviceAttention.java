package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.CacheRow;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.runtime.cuda.CudaKernel.Extent;
import dev.regroup.runtime.model.HeadSlices;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// An attention sublayer on the device, its weights in the precision of its math.
///
/// Rows of several windows of one length lie one after another; the methods are those of {@link
/// dev.regroup.runtime.model.AttentionSublayer}, on device memory.
final class DeviceAttention implements AutoCloseable {
  private static final int QUERIES = 64;
  private static final int TENSOR_QUERIES = 128;

  private final CudaMath math;
  private final AttentionSpec spec;
  private final AttentionLayout layout;
  private final CacheRow row;
  private final DeviceWeights weights;
  private final DeviceProjector projector;
  private final DeviceLinear output;
  private final @Nullable DeviceBlock up;

  /// Reads the weights.
  ///
  /// @param weights owned from now on
  DeviceAttention(
      CudaMath math,
      AttentionSpec spec,
      int hiddenSize,
      double normEpsilon,
      DeviceWeights weights,
      int layer) {
    this.math = math;
    this.spec = spec;
    this.layout = spec.layout();
    this.row = layout.cacheRow();
    this.weights = weights;
    Map<AttentionTensor, Shape> shapes = spec.tensors(hiddenSize);
    projector = new DeviceProjector(math, spec, shapes, normEpsilon, weights, layer);
    output =
        weights.linear(
            AttentionTensor.O_PROJ.in(layer),
            Objects.requireNonNull(shapes.get(AttentionTensor.O_PROJ)),
            spec.outputBias() ? AttentionTensor.O_BIAS.in(layer) : null);
    Shape upShape = shapes.get(AttentionTensor.KV_B_PROJ);
    up = upShape == null ? null : weights.matrix(AttentionTensor.KV_B_PROJ.in(layer), upShape);
  }

  AttentionSpec spec() {
    return spec;
  }

  /// D.
  int hiddenSize() {
    return output.out();
  }

  int queryColumns() {
    return layout.queryHeads() * layout.queryDim();
  }

  /// Queries and rows, not rotated.
  void project(DeviceBlock x, DeviceBlock queries, DeviceBlock rows) {
    projector.queries(x, queries);
    projector.rows(x, rows);
  }

  /// Turns both in place; row r stands at `first + r % tokens`.
  void rotate(DeviceBlock queries, DeviceBlock rows, int first, int tokens) {
    math.rotate(queries, rotatedQueries(), spec.rope(), first, tokens);
    math.rotate(rows, rotatedKeys(), spec.rope(), first, tokens);
  }

  /// Turns both in place; row r stands at `positions[r]`, below `most`.
  void rotateAt(DeviceBlock queries, DeviceBlock rows, CudaBuffer positions, int most) {
    math.rotateAt(queries, rotatedQueries(), spec.rope(), positions, most);
    math.rotateAt(rows, rotatedKeys(), spec.rope(), positions, most);
  }

  private HeadSlices rotatedQueries() {
    return new HeadSlices(layout.queryHeads(), layout.nopeDim(), layout.queryDim(), queryColumns());
  }

  private HeadSlices rotatedKeys() {
    return row.ropeHeads() == 0
        ? new HeadSlices(row.stateHeads(), row.key().start(), row.stateDim(), row.elements())
        : new HeadSlices(
            row.ropeHeads(), row.stateHeads() * row.stateDim(), row.ropeDim(), row.elements());
  }

  /// The heads' outputs `[tokens, H · d_v]` of whole windows from position 0, from rotated queries and
  /// rows.
  void heads(DeviceBlock queries, DeviceBlock rows, DeviceBlock to, int tokens) {
    int value = layout.valueDim();
    int width = layout.queryDim();
    boolean tensorCores = math.precision() == Precision.BFLOAT16 && fitsTensorCores();
    String kernel;
    int tile;
    int shared;
    if (tensorCores) {
      int keys = width <= 64 && value <= 64 ? 64 : width <= 128 ? 128 : 192;
      int values = width <= 64 && value <= 64 ? 64 : 128;
      kernel = "attention_bf16_" + keys + "_" + values;
      tile = TENSOR_QUERIES;
      shared = 2 * (TENSOR_QUERIES * keys + 2 * 64 * (keys + values));
    } else {
      String name =
          math.precision() == Precision.FLOAT32 ? "attention_f32_" : "attention_any_bf16_";
      kernel = name + Math.max(64, Integer.highestOneBit(2 * value - 1));
      tile = QUERIES;
      shared = 0;
    }
    byte[] arguments = arguments(queries, rows, to, tokens);
    CudaKernel attention = math.context().module("attention").kernel(kernel);
    if (shared > 48 << 10) {
      attention.allowShared(shared);
    }
    var grid = new Extent(Math.ceilDiv(tokens, tile), layout.queryHeads(), queries.rows() / tokens);
    math.launch(attention, grid, Extent.of(256), shared, (Object) arguments);
  }

  private boolean fitsTensorCores() {
    return layout.queryDim() <= 192
        && layout.valueDim() <= 128
        && layout.nopeDim() % 8 == 0
        && layout.ropeDim() % 8 == 0
        && layout.valueDim() % 8 == 0
        && row.elements() % 8 == 0;
  }

  /// Softmax probabilities `[tokens, tokens]` of one head of one window; float32 math only.
  void probabilities(DeviceBlock queries, DeviceBlock rows, int head, DeviceBlock to) {
    byte[] arguments = arguments(queries, rows, to, queries.rows());
    math.launch(
        math.context().module("attention").kernel("attention_probabilities_f32"),
        Extent.of(queries.rows()),
        Extent.of(256),
        0,
        arguments,
        head);
  }

  private byte[] arguments(DeviceBlock queries, DeviceBlock rows, DeviceBlock to, int tokens) {
    int bytes = math.precision().bytes();
    DeviceBlock keys = rows;
    long keyAt = rows.address() + (long) row.key().start() * bytes;
    long valueAt = rows.address() + (long) row.value().start() * bytes;
    int headStride = row.stateDim();
    int group = layout.queryHeads() / row.stateHeads();
    int nope = row.key().width();
    if (layout instanceof Gla gla) {
      keys = expanded(gla, rows);
      headStride = gla.nopeDim() + gla.valueDim();
      keyAt = keys.address();
      valueAt = keys.address() + (long) gla.nopeDim() * bytes;
      group = 1;
      nope = gla.nopeDim();
    }
    int states = row.stateHeads() * row.stateDim();
    return ByteBuffer.allocate(128)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(queries.address())
        .putLong(keyAt)
        .putLong(rows.address() + (long) states * bytes)
        .putLong(valueAt)
        .putLong(to.address())
        .putLong(queries.stride())
        .putLong(keys.stride())
        .putLong(rows.stride())
        .putLong(keys.stride())
        .putLong(to.stride())
        .putInt(layout.queryDim())
        .putInt(headStride)
        .putInt(headStride)
        .putInt(layout.valueDim())
        .putInt(group)
        .putInt(nope)
        .putInt(row.ropeHeads() * row.ropeDim())
        .putInt(layout.valueDim())
        .putInt(tokens)
        .putInt(spec.window())
        .putFloat((float) spec.softmaxScale())
        .putInt(0)
        .array();
  }

  private DeviceBlock upProjection() {
    return Objects.requireNonNull(up);
  }

  /// Keys and values of every head, `[tokens, H, d_n + d_v]`, of latents.
  private DeviceBlock expanded(Gla gla, DeviceBlock rows) {
    int each = gla.queryHeads() / gla.latentHeads() * (gla.nopeDim() + gla.valueDim());
    DeviceBlock to = math.block("expanded", rows.rows(), gla.latentHeads() * each);
    multiply(
        false,
        new Gemm.Sizes(gla.latentHeads(), rows.rows(), each, gla.latentDim()),
        new Gemm.Operand(rows.address(), rows.stride(), gla.latentDim()),
        new Gemm.Operand(upProjection().address(), gla.latentDim(), (long) each * gla.latentDim()),
        new Gemm.Operand(to.address(), to.stride(), each));
    return to;
  }

  private void multiply(
      boolean plain, Gemm.Sizes sizes, Gemm.Operand a, Gemm.Operand b, Gemm.Operand c) {
    math.gemm()
        .multiply(
            math.stream(),
            new Gemm.Product(math.precision(), math.precision(), plain, false, sizes, a, b, c));
  }

  /// Queries `[tokens, H, row.queryDim()]` that meet cache rows directly; may be the block given.
  DeviceBlock absorb(DeviceBlock queries) {
    return switch (layout) {
      case Gqa _ -> queries;
      case Gta _ -> queries;
      case Gla gla -> {
        int from = gla.queryDim();
        int to = row.queryDim();
        int bytes = math.precision().bytes();
        DeviceBlock absorbed = math.block("absorbed", queries.rows(), gla.queryHeads() * to);
        multiply(
            true,
            new Gemm.Sizes(gla.queryHeads(), queries.rows(), gla.latentDim(), gla.nopeDim()),
            new Gemm.Operand(queries.address(), queries.stride(), from),
            headUp(gla, 0),
            new Gemm.Operand(absorbed.address(), absorbed.stride(), to));
        math.copy(
            new DeviceBlock(
                queries.address() + (long) gla.nopeDim() * bytes,
                queries.type(),
                queries.rows(),
                queries.columns(),
                queries.stride()),
            from,
            new DeviceBlock(
                absorbed.address() + (long) gla.latentDim() * bytes,
                absorbed.type(),
                absorbed.rows(),
                absorbed.columns(),
                absorbed.stride()),
            to,
            gla.queryHeads(),
            gla.ropeDim());
        yield absorbed;
      }
    };
  }

  /// The heads' outputs `[tokens, H · d_v]` from what absorbed queries brought back; may be the block
  /// given.
  DeviceBlock expand(DeviceBlock attended) {
    return switch (layout) {
      case Gqa _ -> attended;
      case Gta _ -> attended;
      case Gla gla -> {
        DeviceBlock values =
            math.block("values", attended.rows(), gla.queryHeads() * gla.valueDim());
        multiply(
            false,
            new Gemm.Sizes(gla.queryHeads(), attended.rows(), gla.valueDim(), gla.latentDim()),
            new Gemm.Operand(attended.address(), attended.stride(), gla.latentDim()),
            headUp(gla, gla.nopeDim()),
            new Gemm.Operand(values.address(), values.stride(), gla.valueDim()));
        yield values;
      }
    };
  }

  /// Rows of the up-projection, from `first` of every head.
  private Gemm.Operand headUp(Gla gla, int first) {
    long step = (long) (gla.nopeDim() + gla.valueDim()) * gla.latentDim();
    long offset = (long) first * gla.latentDim() * math.precision().bytes();
    return new Gemm.Operand(upProjection().address() + offset, gla.latentDim(), step);
  }

  /// `o_proj` of the heads' outputs.
  ///
  /// @param to `[tokens, D]` float32
  /// @param add whether it is added to
  void output(DeviceBlock heads, DeviceBlock to, boolean add) {
    math.linear(output, heads, to, add);
  }

  /// Causal self-attention on whole windows from position 0.
  ///
  /// @param x normed inputs
  /// @param to `[tokens, D]` float32
  void forward(DeviceBlock x, int tokens, DeviceBlock to, boolean add) {
    DeviceBlock queries = math.block("queries", x.rows(), queryColumns());
    DeviceBlock rows = math.block("rows", x.rows(), row.elements());
    project(x, queries, rows);
    rotate(queries, rows, 0, tokens);
    DeviceBlock heads = math.block("heads", x.rows(), layout.queryHeads() * layout.valueDim());
    heads(queries, rows, heads, tokens);
    output(heads, to, add);
  }

  @Override
  public void close() {
    math.synchronize();
    weights.close();
  }
}
