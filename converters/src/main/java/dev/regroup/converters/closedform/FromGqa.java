package dev.regroup.converters.closedform;

import dev.regroup.converters.calibrate.LayerStatistics;
import dev.regroup.converters.closedform.FactoredAttention.Biases;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.runtime.linalg.Matrix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// MHA, MQA and GQA to GTA or GLA.
///
/// First the slots of the shared rotary key ({@link RopeSlots}); what they leave of the keys becomes
/// position-free, and a state per group carries it together with the values ({@link SharedState}). All
/// maps are found on the source's keys and values ("features", `[2·G·d]`), and multiplied into its
/// projections at the end.
final class FromGqa {
  private static final double SAME_FREQUENCY = 1e-12;

  private final AttentionSpec source;
  private final Gqa gqa;
  private final AttentionSpec target;
  private final SourceWeights weights;
  private final LayerStatistics statistics;
  private final boolean tied;
  private final int keyDim;
  private final int groupSize;
  private final PairRows rows;
  private final boolean anchored;

  FromGqa(
      AttentionSpec source,
      Gqa gqa,
      AttentionSpec target,
      SourceWeights weights,
      LayerStatistics statistics) {
    this.source = source;
    this.gqa = gqa;
    this.target = target;
    this.weights = weights;
    this.statistics = statistics;
    tied = target.layout() instanceof Gta;
    keyDim = gqa.kvHeads() * gqa.headDim();
    groupSize = gqa.queryHeads() / gqa.kvHeads();
    rows = new PairRows(gqa, source.rope(), target.rope());
    anchored = NormAnchor.in(target);
  }

  ClosedForm convert() {
    RopeSlots slots = new RopeSlots(keyMoments(), keyMetrics(), kernels());
    List<RopeSlots.Slot> filled = filled(slots);
    Matrix slotKeys = rows.slotKeys(filled);
    Matrix positionFree = rows.queryCoordinates(slots.positionFree());
    List<SharedState> states = states(positionFree);

    Matrix encoders = Matrix.stacked(states.stream().map(SharedState::encode).toList());
    Matrix queries = queryMaps(filled, states);
    FactoredAttention attention =
        new FactoredAttention(
            turned(filled),
            normedQueries() ? queries.toFloats() : queriesOf(queries).toFloats(),
            normedKeys() ? encoders.toFloats() : encoders.times(features()).toFloats(),
            normedKeys()
                ? slotKeys.toFloats()
                : slotKeys.times(features().rows(0, keyDim)).toFloats(),
            tied ? new float[0] : keyUps(states).toFloats(),
            tied ? new float[0] : valueUps(states).toFloats(),
            outputs(states).toFloats(),
            normedKeys() ? Biases.none() : biases(queries, encoders, slotKeys));
    double lost = slots.lost() + states.stream().mapToDouble(SharedState::lost).sum();
    return new ClosedForm(attention, lost);
  }

  /// The logit error, weighted by what it costs, that the rotary key leaves: what
  /// {@link RopeSlots#lost} says of this target's frequencies.
  double slotsLost() {
    RopeSlots slots = new RopeSlots(keyMoments(), keyMetrics(), kernels());
    filled(slots);
    return slots.lost();
  }

  private List<RopeSlots.Slot> filled(RopeSlots slots) {
    int count = target.layout().ropeDim() / 2;
    if (!anchored) {
      return slots.fill(count);
    }
    int[] places = places();
    return gqa.kvHeads() == 1 && Arrays.stream(places).allMatch(place -> place >= 0)
        ? slots.copyInto(places, count)
        : slots.fillTable(count);
  }

  /// Where in the target's table each of the source's frequencies is, -1 where it is not.
  private int[] places() {
    double[] table = target.rope().frequencies();
    return Arrays.stream(source.rope().frequencies())
        .mapToInt(
            theta -> {
              for (int i = 0; i < table.length; i++) {
                if (Math.abs(table[i] - theta) <= SAME_FREQUENCY * theta) {
                  return i;
                }
              }
              return -1;
            })
        .toArray();
  }

  /// The source's frequencies, and behind them the target's where those are a given table.
  private double[] atoms() {
    double[] own = source.rope().frequencies();
    if (!anchored) {
      return own;
    }
    double[] table = target.rope().frequencies();
    double[] atoms = Arrays.copyOf(own, own.length + table.length);
    System.arraycopy(table, 0, atoms, own.length, table.length);
    return atoms;
  }

  /// Whether the conversion comes behind a norm over each query head.
  private boolean normedQueries() {
    return target.query() instanceof QueryPath.Mixed;
  }

  /// Whether the conversion comes behind a norm over each key head.
  private boolean normedKeys() {
    return target.state() instanceof StatePath.Encoded;
  }

  private ComplexMatrix keyMoments() {
    return KeyMoments.keys(gqa, source.rope(), statistics.states());
  }

  /// Per kv head: E[q qᴴ] of its query heads, weighted by what a logit error of theirs costs.
  private List<ComplexMatrix> keyMetrics() {
    List<ComplexMatrix> metrics = new ArrayList<>();
    for (int g = 0; g < gqa.kvHeads(); g++) {
      ComplexMatrix metric = ComplexMatrix.zeros(gqa.headDim() / 2, gqa.headDim() / 2);
      for (int h = g * groupSize; h < (g + 1) * groupSize; h++) {
        ComplexMatrix query = KeyMoments.query(source.rope(), statistics.queries().get(h));
        metric = metric.plus(query.scaled(statistics.sensitivity()[h]));
      }
      metrics.add(metric);
    }
    return metrics;
  }

  private List<DistanceKernel> kernels() {
    List<DistanceKernel> kernels = new ArrayList<>();
    for (int g = 0; g < gqa.kvHeads(); g++) {
      double[] mass = new double[statistics.distances()[0].length];
      double total = 0;
      for (int h = g * groupSize; h < (g + 1) * groupSize; h++) {
        double weight = Math.max(statistics.sensitivity()[h], Double.MIN_NORMAL);
        total += weight;
        for (int i = 0; i < mass.length; i++) {
          mass[i] += weight * statistics.distances()[h][i];
        }
      }
      for (int i = 0; i < mass.length; i++) {
        mass[i] /= total;
      }
      kernels.add(new DistanceKernel(atoms(), mass));
    }
    return kernels;
  }

  /// The target with the frequencies that its slots turn at.
  private AttentionSpec turned(List<RopeSlots.Slot> slots) {
    if (anchored) {
      return target;
    }
    List<Double> all = source.rope().inverseFrequencies();
    List<Double> chosen = slots.stream().map(slot -> all.get(slot.frequency())).toList();
    return target.withRope(
        new Rope(chosen, target.rope().interleaved(), target.rope().attentionFactor()));
  }

  private int stateGroups() {
    return target.layout().stateHeads();
  }

  /// Kv heads that share a state.
  private int headsPerState() {
    return gqa.kvHeads() / stateGroups();
  }

  private List<SharedState> states(Matrix positionFree) {
    List<SharedState> states = new ArrayList<>();
    int stateDim = target.layout().cacheRow().stateDim();
    int stateKeyDim = target.layout().cacheRow().key().width();
    int spent = anchored ? NormAnchor.ELEMENTS : 0;
    for (int s = 0; s < stateGroups(); s++) {
      states.add(
          SharedState.solve(
                  targets(s, positionFree),
                  statistics.states(),
                  stateDim - spent,
                  stateKeyDim - spent)
              .padded(stateDim));
    }
    return states;
  }

  /// What the state of one group must carry: position-free keys, then values, of its kv heads.
  private SharedState.Targets targets(int state, Matrix positionFree) {
    int dim = gqa.headDim();
    int keys = headsPerState() * dim;
    int begin = state * keys;
    Matrix rows = Matrix.zeros(2 * keys, 2 * keyDim);
    for (int r = 0; r < keys; r++) {
      System.arraycopy(
          positionFree.elements(), (begin + r) * keyDim, rows.elements(), r * 2 * keyDim, keyDim);
      rows.elements()[(keys + r) * 2 * keyDim + keyDim + begin + r] = 1;
    }
    Matrix keyMetric = Matrix.zeros(keys, keys);
    Matrix valueMetric = Matrix.zeros(keys, keys);
    for (int j = 0; j < headsPerState(); j++) {
      int kvHead = state * headsPerState() + j;
      for (int h = kvHead * groupSize; h < (kvHead + 1) * groupSize; h++) {
        Matrix query = statistics.queries().get(h).scaled(statistics.sensitivity()[h]);
        addBlock(keyMetric, query, j * dim);
        addBlock(valueMetric, weights.outputGram(h), j * dim);
      }
    }
    return new SharedState.Targets(rows, keys, keyMetric, valueMetric);
  }

  private static void addBlock(Matrix matrix, Matrix block, int at) {
    for (int r = 0; r < block.rows(); r++) {
      for (int c = 0; c < block.columns(); c++) {
        matrix.elements()[(at + r) * matrix.columns() + at + c] += block.at(r, c);
      }
    }
  }

  /// The decoder of a query head's keys, `[d, stateDim]`.
  private Matrix keyDecoder(List<SharedState> states, int head) {
    return decoder(states, head, 0);
  }

  /// The decoder of a query head's values, `[d, stateDim]`.
  private Matrix valueDecoder(List<SharedState> states, int head) {
    return decoder(states, head, headsPerState() * gqa.headDim());
  }

  private Matrix decoder(List<SharedState> states, int head, int from) {
    int kvHead = head / groupSize;
    int within = kvHead % headsPerState();
    return states
        .get(kvHead / headsPerState())
        .decode()
        .rows(from + within * gqa.headDim(), gqa.headDim());
  }

  /// What becomes of each head's source query, `[H·(d_n + d_r), d]`: position-free part, then slots; the
  /// ratio of the softmax scales is inside.
  private Matrix queryMaps(List<RopeSlots.Slot> slots, List<SharedState> states) {
    List<Matrix> maps = new ArrayList<>();
    double ratio = source.softmaxScale() / target.softmaxScale();
    // a rotated part carries the factor in query and key
    double turn = source.rope().attentionFactor() / target.rope().attentionFactor();
    for (int h = 0; h < gqa.queryHeads(); h++) {
      Matrix free =
          tied
              ? keyDecoder(states, h).columns(0, target.layout().nopeDim()).transpose()
              : Matrix.identity(gqa.headDim());
      Matrix rotated = rows.slotQueries(slots, h / groupSize).scaled(turn * turn);
      maps.add(Matrix.stacked(List.of(free, rotated)).scaled(ratio));
    }
    return Matrix.stacked(maps);
  }

  /// The source's key and value projections, one above the other, `[2·G·d, D]`.
  private Matrix features() {
    return Matrix.stacked(
        List.of(
            weights.matrix(AttentionTensor.K_PROJ, keyDim),
            weights.matrix(AttentionTensor.V_PROJ, keyDim)));
  }

  private Matrix queriesOf(Matrix maps) {
    List<Matrix> queries = new ArrayList<>();
    int dim = target.layout().queryDim();
    for (int h = 0; h < gqa.queryHeads(); h++) {
      queries.add(maps.rows(h * dim, dim).times(weights.query(h)));
    }
    return Matrix.stacked(queries);
  }

  private Matrix keyUps(List<SharedState> states) {
    List<Matrix> ups = new ArrayList<>();
    for (int h = 0; h < gqa.queryHeads(); h++) {
      ups.add(keyDecoder(states, h));
    }
    return Matrix.stacked(ups);
  }

  private Matrix valueUps(List<SharedState> states) {
    List<Matrix> ups = new ArrayList<>();
    for (int h = 0; h < gqa.queryHeads(); h++) {
      ups.add(valueDecoder(states, h));
    }
    return Matrix.stacked(ups);
  }

  private Matrix outputs(List<SharedState> states) {
    List<Matrix> outputs = new ArrayList<>();
    for (int h = 0; h < gqa.queryHeads(); h++) {
      Matrix output = weights.output(h);
      outputs.add(tied ? output.times(valueDecoder(states, h)) : output);
    }
    return Matrix.beside(outputs);
  }

  private Biases biases(Matrix queries, Matrix encoders, Matrix slotKeys) {
    boolean queryBias = source.query() instanceof QueryPath.Direct(boolean bias, boolean _) && bias;
    boolean keyBias = source.state() instanceof StatePath.KeyValue(boolean bias, boolean _) && bias;
    Matrix query = Matrix.zeros(0, 1);
    if (queryBias) {
      Matrix bias = weights.matrix(AttentionTensor.Q_BIAS, gqa.queryHeads() * gqa.headDim());
      int dim = target.layout().queryDim();
      List<Matrix> parts = new ArrayList<>();
      for (int h = 0; h < gqa.queryHeads(); h++) {
        parts.add(queries.rows(h * dim, dim).times(bias.rows(h * gqa.headDim(), gqa.headDim())));
      }
      query = Matrix.stacked(parts);
    }
    if (!keyBias) {
      return new Biases(query.toFloats(), new float[0], new float[0]);
    }
    Matrix keys = weights.matrix(AttentionTensor.K_BIAS, keyDim);
    Matrix both = Matrix.stacked(List.of(keys, weights.matrix(AttentionTensor.V_BIAS, keyDim)));
    return new Biases(
        query.toFloats(), encoders.times(both).toFloats(), slotKeys.times(keys).toFloats());
  }
}
