package dev.regroup.converters.closedform;

import dev.regroup.converters.calibrate.LayerStatistics;
import dev.regroup.converters.closedform.FactoredAttention.Biases;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.CacheRow;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.linalg.DoubleBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.Products;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/// MLA to GLA or GTA: the joint norm and the rotary key stay, and each group of heads gets its own best
/// projection of the normed latent.
///
/// Keys and values are both linear in the latent, so the state's targets are the latent itself, twice:
/// once in the metric of its keys, once in that of its values. Groups are independent problems; which
/// heads share one is free where queries and outputs are written anew ({@link HeadGroups}).
final class FromMla {
  private final AttentionSpec source;
  private final Gla mla;
  private final AttentionSpec target;
  private final SourceWeights weights;
  private final LayerStatistics statistics;
  private final boolean tied;
  private final SharedState.Space latent;

  /// The source's head at each place of the target.
  private final int[] heads;

  /// @param regroup whether heads may change places
  FromMla(
      AttentionSpec source,
      Gla mla,
      AttentionSpec target,
      SourceWeights weights,
      LayerStatistics statistics,
      boolean regroup) {
    this.source = source;
    this.mla = mla;
    this.target = target;
    this.weights = weights;
    this.statistics = statistics;
    tied = target.layout() instanceof Gta;
    // keys and values of every group are linear in the same latent: one space for all
    latent = SharedState.Space.ofFeatures(statistics.states());
    heads = regroup && !tied ? grouped() : IntStream.range(0, mla.queryHeads()).toArray();
  }

  /// Heads in groups whose needs of the latent are alike. A tied state, whose keys read a part of it, is
  /// another problem.
  private int[] grouped() {
    int dim = target.layout().cacheRow().stateDim();
    int starts =
        HeadGroups.starts(mla.queryHeads(), target.layout().stateHeads(), latent.directions(), dim);
    if (starts == 0) {
      return IntStream.range(0, mla.queryHeads()).toArray();
    }
    List<Matrix> needs =
        Parallel.map(
            mla.queryHeads(),
            h -> {
              SharedState.Metrics energies = latent.energies(metrics(new int[] {h}));
              return energies.keys().plus(energies.values());
            });
    return HeadGroups.of(needs, target.layout().stateHeads(), dim, starts).heads();
  }

  ClosedForm convert() {
    CacheRow row = target.layout().cacheRow();
    List<SharedState> states =
        Parallel.map(
            target.layout().stateHeads(),
            s -> latent.solve(metrics(group(s)), row.stateDim(), row.key().width()));
    Matrix rope =
        weights.rows(
            AttentionTensor.KV_A_PROJ, weights.hiddenSize(), mla.latentDim(), mla.ropeDim());
    FactoredAttention attention =
        new FactoredAttention(
            target,
            tied
                ? queries(states).toFloats()
                : ordered(weights.queries(), weights::query, Matrix::stacked),
            Matrix.stacked(states.stream().map(SharedState::encode).toList()).toFloats(),
            rope.toFloats(),
            tied ? new float[0] : ups(states, true).toFloats(),
            tied ? new float[0] : ups(states, false).toFloats(),
            tied
                ? outputs(states).toFloats()
                : ordered(weights.outputs(), weights::output, Matrix::beside),
            biases());
    double lost = states.stream().mapToDouble(SharedState::lost).sum();
    return new ClosedForm(attention, lost);
  }

  /// What the source adds to its rotary key, for those who run the maps without the source's tensors.
  private Biases biases() {
    return source.state() instanceof StatePath.Latent(int _, boolean _, boolean _, boolean bias)
            && bias
        ? new Biases(
            new float[0],
            new float[0],
            weights
                .matrix(AttentionTensor.KV_A_BIAS, mla.latentDim() + mla.ropeDim())
                .rows(mla.latentDim(), mla.ropeDim())
                .toFloats())
        : Biases.none();
  }

  /// W_UK of a head, `[d_n, r]`.
  private Matrix keyUp(int head) {
    return up(head * (mla.nopeDim() + mla.valueDim()), mla.nopeDim());
  }

  /// W_UV of a head, `[d_v, r]`.
  private Matrix valueUp(int head) {
    return up(head * (mla.nopeDim() + mla.valueDim()) + mla.nopeDim(), mla.valueDim());
  }

  private Matrix up(int first, int count) {
    return weights.rows(AttentionTensor.KV_B_PROJ, mla.latentDim(), first, count);
  }

  private int headsPerState() {
    return mla.queryHeads() / target.layout().stateHeads();
  }

  /// The source's heads that share a state.
  private int[] group(int state) {
    return Arrays.copyOfRange(heads, state * headsPerState(), (state + 1) * headsPerState());
  }

  /// What the source has of each head, where the target has it: the source's own array where no head
  /// has another place, since that of a wide layer is large.
  ///
  /// @param whole what the source has of all heads
  private float[] ordered(
      float[] whole, IntFunction<Matrix> ofHead, Function<List<Matrix>, Matrix> joined) {
    return Arrays.equals(heads, IntStream.range(0, heads.length).toArray())
        ? whole
        : joined.apply(Arrays.stream(heads).mapToObj(ofHead).toList()).toFloats();
  }

  /// W_UKᵀ·E[q qᵀ]·W_UK and W_UVᵀ·W_OᵀW_O·W_UV, summed over the heads of a group.
  private SharedState.Metrics metrics(int[] group) {
    int queryDim = mla.nopeDim() + mla.ropeDim();
    return new SharedState.Metrics(
        metric(
            group,
            0,
            mla.nopeDim(),
            h ->
                new DoubleBlock(
                    statistics.queries().get(h).elements(),
                    0,
                    mla.nopeDim(),
                    mla.nopeDim(),
                    queryDim),
            h -> statistics.sensitivity()[h]),
        metric(
            group,
            mla.nopeDim(),
            mla.valueDim(),
            h -> DoubleBlock.of(weights.outputGram(h)),
            _ -> 1));
  }

  /// One product for all heads, whose result is symmetric.
  ///
  /// @param skip rows of a head's part of `kv_b_proj` before those that count
  /// @param count rows that count
  private Matrix metric(
      int[] group, int skip, int count, IntFunction<DoubleBlock> seen, IntToDoubleFunction factor) {
    int columns = mla.latentDim();
    Matrix ups = Matrix.zeros(group.length * count, columns);
    Matrix products = Matrix.zeros(group.length * count, columns);
    for (int i = 0; i < group.length; i++) {
      int head = group[i];
      int at = i * count * columns;
      int first = head * (mla.nopeDim() + mla.valueDim()) + skip;
      weights.rows(AttentionTensor.KV_B_PROJ, columns, first, count, ups.elements(), at);
      Products.fast()
          .multiply(
              Form.PLAIN,
              factor.applyAsDouble(head),
              seen.apply(head),
              new DoubleBlock(ups.elements(), at, count, columns, columns),
              0,
              new DoubleBlock(products.elements(), at, count, columns, columns));
    }
    return ups.symmetricTransposeTimes(products);
  }

  private Matrix keyDecoder(SharedState state) {
    return state.decode().rows(0, mla.latentDim());
  }

  private Matrix valueDecoder(SharedState state) {
    return state.decode().rows(mla.latentDim(), mla.latentDim());
  }

  private Matrix ups(List<SharedState> states, boolean keys) {
    List<Matrix> ups =
        Parallel.map(
            mla.queryHeads(),
            place -> {
              int h = heads[place];
              SharedState state = states.get(place / headsPerState());
              return keys
                  ? keyUp(h).times(keyDecoder(state))
                  : valueUp(h).times(valueDecoder(state));
            });
    return Matrix.stacked(ups);
  }

  /// Of a tied target: what its keys leave free of a query, and the rotated part.
  private Matrix queries(List<SharedState> states) {
    List<Matrix> queries = new ArrayList<>();
    double ratio = source.softmaxScale() / target.softmaxScale();
    for (int h = 0; h < mla.queryHeads(); h++) {
      Matrix query = weights.query(h);
      Matrix decoder =
          keyUp(h)
              .times(
                  keyDecoder(states.get(h / headsPerState()))
                      .columns(0, target.layout().nopeDim()));
      Matrix free = decoder.transposeTimes(query.rows(0, mla.nopeDim()));
      queries.add(
          Matrix.stacked(List.of(free, query.rows(mla.nopeDim(), mla.ropeDim()))).scaled(ratio));
    }
    return Matrix.stacked(queries);
  }

  /// Of a tied target, whose value is the state.
  private Matrix outputs(List<SharedState> states) {
    List<Matrix> outputs = new ArrayList<>();
    for (int h = 0; h < mla.queryHeads(); h++) {
      outputs.add(
          weights.output(h).times(valueUp(h)).times(valueDecoder(states.get(h / headsPerState()))));
    }
    return Matrix.beside(outputs);
  }
}
