package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.CacheRow;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.runtime.model.AttentionSublayers;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Hidden states to queries and cache rows on the device, before rotation: the one place here that
/// follows a {@link QueryPath} and a {@link StatePath}.
final class DeviceProjector {
  private final CudaMath math;
  private final AttentionSpec spec;
  private final AttentionLayout layout;
  private final CacheRow row;
  private final double normEpsilon;
  private final DeviceWeights weights;
  private final int layer;
  private final Map<AttentionTensor, Shape> shapes;
  private final Map<AttentionTensor, DeviceLinear> linears = new EnumMap<>(AttentionTensor.class);
  private final Map<AttentionTensor, CudaBuffer> gains = new EnumMap<>(AttentionTensor.class);

  DeviceProjector(
      CudaMath math,
      AttentionSpec spec,
      Map<AttentionTensor, Shape> shapes,
      double normEpsilon,
      DeviceWeights weights,
      int layer) {
    this.math = math;
    this.spec = spec;
    this.layout = spec.layout();
    this.row = layout.cacheRow();
    this.shapes = shapes;
    this.normEpsilon = normEpsilon;
    this.weights = weights;
    this.layer = layer;
    loadQuery();
    loadState();
  }

  private void loadQuery() {
    switch (spec.query()) {
      case QueryPath.Direct(boolean bias, boolean headNorm) -> {
        load(AttentionTensor.Q_PROJ, bias ? AttentionTensor.Q_BIAS : null);
        if (headNorm) {
          loadGain(AttentionTensor.Q_NORM);
        }
      }
      case QueryPath.Mixed(int _, boolean bias) -> {
        load(AttentionTensor.Q_PROJ, bias ? AttentionTensor.Q_BIAS : null);
        loadGain(AttentionTensor.Q_NORM);
        load(AttentionTensor.Q_STATE_PROJ, null);
      }
      case QueryPath.LowRank(int _, boolean bias) -> {
        load(AttentionTensor.Q_A_PROJ, bias ? AttentionTensor.Q_A_BIAS : null);
        loadGain(AttentionTensor.Q_A_NORM);
        load(AttentionTensor.Q_B_PROJ, null);
      }
      case QueryPath.Reference _ -> throw referenceForm();
    }
  }

  private void loadState() {
    switch (spec.state()) {
      case StatePath.KeyValue(boolean bias, boolean keyNorm) -> loadKeyValue(bias, keyNorm);
      case StatePath.Tied(boolean bias) -> {
        load(AttentionTensor.KV_PROJ, bias ? AttentionTensor.KV_BIAS : null);
        load(AttentionTensor.ROPE_KEY, AttentionTensor.ROPE_KEY_BIAS);
      }
      case StatePath.Latent(int _, boolean norm, boolean projected, boolean bias) -> {
        load(AttentionTensor.KV_A_PROJ, bias ? AttentionTensor.KV_A_BIAS : null);
        if (norm) {
          loadGain(AttentionTensor.KV_A_NORM);
        }
        if (projected) {
          load(AttentionTensor.KV_LATENT_PROJ, null);
        }
      }
      case StatePath.Encoded(int _, int _, boolean bias) -> {
        load(AttentionTensor.K_PROJ, bias ? AttentionTensor.K_BIAS : null);
        load(AttentionTensor.V_PROJ, bias ? AttentionTensor.V_BIAS : null);
        loadGain(AttentionTensor.K_NORM);
        load(AttentionTensor.KV_STATE_PROJ, null);
        load(AttentionTensor.ROPE_KEY_PROJ, null);
      }
      case StatePath.Reference _ -> throw referenceForm();
    }
  }

  private UnsupportedModelException referenceForm() {
    return new UnsupportedModelException(
        "layer %d: the reference's form of GLA runs on the CPU alone -> --device cpu"
            .formatted(layer));
  }

  /// Keys and values as one layer whose outputs lie as a cache row has them: each head's key, then its
  /// value.
  private void loadKeyValue(boolean bias, boolean keyNorm) {
    CudaMath loader = weights.loader();
    Shape shape = Objects.requireNonNull(shapes.get(AttentionTensor.K_PROJ));
    int heads = row.stateHeads();
    int rows = (int) shape.extent(0);
    int in = (int) shape.extent(1);
    DeviceBlock both = weights.room(2 * rows, in);
    CudaBuffer biases = bias ? weights.vectorRoom(2 * rows) : null;
    AttentionTensor[] parts = {AttentionTensor.K_PROJ, AttentionTensor.V_PROJ};
    AttentionTensor[] partBiases = {AttentionTensor.K_BIAS, AttentionTensor.V_BIAS};
    int dim = rows / heads;
    for (int part = 0; part < 2; part++) {
      DeviceBlock staged = loader.block("part", 1, Math.multiplyExact(rows, in));
      weights.read(parts[part].in(layer), staged);
      long at = both.address() + (long) part * dim * in * both.type().bytes();
      int step = dim * in;
      loader.copy(
          staged,
          step,
          new DeviceBlock(at, both.type(), 1, 2 * rows * in, 2 * rows * in),
          2 * step,
          heads,
          step);
      if (biases != null) {
        DeviceBlock stagedBias = loader.scratch().block("partBias", Precision.FLOAT32, 1, rows);
        weights.read(partBiases[part].in(layer), stagedBias);
        loader.copy(
            stagedBias,
            dim,
            new DeviceBlock(
                biases.address() + 4L * part * dim, Precision.FLOAT32, 1, 2 * rows, 2 * rows),
            2 * dim,
            heads,
            dim);
      }
      loader.synchronize(); // before the next part is staged
    }
    linears.put(AttentionTensor.K_PROJ, new DeviceLinear(both, biases));
    if (keyNorm) {
      loadGain(AttentionTensor.K_NORM);
    }
  }

  private void load(AttentionTensor tensor, @Nullable AttentionTensor bias) {
    Shape shape = Objects.requireNonNull(shapes.get(tensor));
    linears.put(
        tensor, weights.linear(tensor.in(layer), shape, bias == null ? null : bias.in(layer)));
  }

  private void loadGain(AttentionTensor tensor) {
    gains.put(tensor, weights.vector(tensor.in(layer)));
  }

  private DeviceLinear linear(AttentionTensor tensor) {
    return Objects.requireNonNull(linears.get(tensor));
  }

  private CudaBuffer gain(AttentionTensor tensor) {
    return Objects.requireNonNull(gains.get(tensor));
  }

  private void apply(AttentionTensor tensor, DeviceBlock x, DeviceBlock y) {
    math.linear(linear(tensor), x, y, false);
  }

  /// Queries `[tokens, H · (d_n + d_r)]` of normed inputs.
  void queries(DeviceBlock x, DeviceBlock to) {
    switch (spec.query()) {
      case QueryPath.Direct(boolean _, boolean headNorm) -> {
        apply(AttentionTensor.Q_PROJ, x, to);
        if (headNorm) {
          DeviceBlock heads = to.split(layout.queryHeads());
          math.rmsNorm(heads, gain(AttentionTensor.Q_NORM), heads, normEpsilon);
        }
      }
      case QueryPath.Mixed(int dim, boolean _) -> {
        DeviceBlock source = math.block("sourceQueries", x.rows(), layout.queryHeads() * dim);
        apply(AttentionTensor.Q_PROJ, x, source);
        DeviceBlock heads = source.split(layout.queryHeads());
        math.rmsNorm(heads, gain(AttentionTensor.Q_NORM), heads, normEpsilon);
        mix(source, dim, to);
      }
      case QueryPath.LowRank(int rank, boolean _) -> {
        DeviceBlock low = math.block("lowQueries", x.rows(), rank);
        apply(AttentionTensor.Q_A_PROJ, x, low);
        math.rmsNorm(
            low, gain(AttentionTensor.Q_A_NORM), low, AttentionSublayers.LATENT_NORM_EPSILON);
        apply(AttentionTensor.Q_B_PROJ, low, to);
      }
      case QueryPath.Reference _ -> throw referenceForm();
    }
  }

  /// Each head's source query mapped by itself.
  private void mix(DeviceBlock source, int dim, DeviceBlock to) {
    int out = layout.queryDim();
    DeviceBlock maps = linear(AttentionTensor.Q_STATE_PROJ).weight();
    math.gemm()
        .multiply(
            math.stream(),
            new Gemm.Product(
                math.precision(),
                math.precision(),
                false,
                false,
                new Gemm.Sizes(layout.queryHeads(), source.rows(), out, dim),
                new Gemm.Operand(source.address(), source.stride(), dim),
                new Gemm.Operand(maps.address(), dim, (long) out * dim),
                new Gemm.Operand(to.address(), to.stride(), out)));
  }

  /// Cache rows `[tokens, row]` of normed inputs.
  void rows(DeviceBlock x, DeviceBlock to) {
    int states = row.stateHeads() * row.stateDim();
    switch (spec.state()) {
      case StatePath.KeyValue(boolean _, boolean keyNorm) -> {
        apply(AttentionTensor.K_PROJ, x, to);
        if (keyNorm) {
          DeviceBlock heads = to.split(row.stateHeads());
          DeviceBlock keys = heads.columns(row.key().start(), row.key().width());
          math.rmsNorm(keys, gain(AttentionTensor.K_NORM), keys, normEpsilon);
        }
      }
      case StatePath.Tied _ -> {
        apply(AttentionTensor.KV_PROJ, x, to.columns(0, states));
        apply(AttentionTensor.ROPE_KEY, x, to.columns(states, layout.ropeDim()));
      }
      case StatePath.Latent latent -> latentRows(latent, x, to);
      case StatePath.Encoded(int heads, int dim, boolean _) -> {
        DeviceBlock both = math.block("sourceStates", x.rows(), 2 * heads * dim);
        DeviceBlock keys = math.block("sourceKeys", x.rows(), heads * dim);
        apply(AttentionTensor.K_PROJ, x, keys);
        DeviceBlock each = keys.split(heads);
        math.rmsNorm(each, gain(AttentionTensor.K_NORM), each, normEpsilon);
        math.copy(keys, both.columns(0, heads * dim));
        apply(AttentionTensor.V_PROJ, x, both.columns(heads * dim, heads * dim));
        apply(AttentionTensor.KV_STATE_PROJ, both, to.columns(0, states));
        apply(AttentionTensor.ROPE_KEY_PROJ, keys, to.columns(states, layout.ropeDim()));
      }
      case StatePath.Reference _ -> throw referenceForm();
    }
  }

  private void latentRows(StatePath.Latent path, DeviceBlock x, DeviceBlock to) {
    int states = row.stateHeads() * row.stateDim();
    DeviceBlock down = math.block("down", x.rows(), path.rank() + layout.ropeDim());
    apply(AttentionTensor.KV_A_PROJ, x, down);
    DeviceBlock latent = down.columns(0, path.rank());
    DeviceBlock stateRows = to.columns(0, states);
    DeviceBlock normed = path.projected() ? math.block("latent", x.rows(), path.rank()) : stateRows;
    if (path.norm()) {
      math.rmsNorm(
          latent, gain(AttentionTensor.KV_A_NORM), normed, AttentionSublayers.LATENT_NORM_EPSILON);
    } else {
      math.copy(latent, normed);
    }
    if (path.projected()) {
      apply(AttentionTensor.KV_LATENT_PROJ, normed, stateRows);
    }
    math.copy(down.columns(path.rank(), layout.ropeDim()), to.columns(states, layout.ropeDim()));
  }
}
