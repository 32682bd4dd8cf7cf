package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.model.AttentionSublayers;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.Panel;
import dev.regroup.runtime.train.Product;
import dev.regroup.runtime.train.Product.Batch;
import dev.regroup.runtime.train.Product.Factors;
import dev.regroup.runtime.train.Product.Sizes;
import dev.regroup.runtime.train.Product.Triangle;
import dev.regroup.runtime.train.TrainingMath;
import dev.regroup.runtime.train.TrainingMath.HeadRows;
import dev.regroup.runtime.train.TrainingMath.Norm;
import dev.regroup.runtime.train.TrainingMath.Slices;

/// {@link AttentionPass} over some windows at once, on a device.
final class DevicePass implements AutoCloseable {
  private final TrainingMath math;
  private final FactoredAttention layer;
  private final LayerShape shape;
  private final Extents extents;
  private final DeviceRooms rooms;

  /// Rotated queries, states, the rotated key, keys and values: as in {@link AttentionPass}, rows of all
  /// windows one after the other.
  private final Memory queries;

  private final Memory states;

  /// States before their norm; the same memory where there is none.
  private final Memory latents;

  private final Memory ropeKey;
  private final Memory values;

  /// Each head's `[key ; rotated key]`, as queries have them, so that scores are one product: a pass
  /// over squares costs more than its sums do. The states where they are keys.
  private final Memory keys;

  /// `[d_r, d_r]`: the product with it copies the rotated key to every head.
  private final Memory identity;

  /// `[windows, H, tokens, tokens]`.
  private final Memory probabilities;

  private final Memory heads;
  private final Memory output;

  /// @param layer whose shape it has; its maps are those given to {@link #run}
  /// @param capacity windows at once
  DevicePass(TrainingMath math, FactoredAttention layer, LayerShape shape, int capacity) {
    this.math = math;
    this.layer = layer;
    this.shape = shape;
    extents = shape.extents();
    rooms = new DeviceRooms(math, (long) capacity * shape.tokens());
    queries = rooms.factor(shape.queries());
    states = rooms.factor(shape.states());
    latents = layer.norm().active() ? rooms.of(shape.states()) : states;
    ropeKey = rooms.factor(extents.ropeDim());
    keys = extents.tied() ? states : rooms.factor(shape.queries());
    values = extents.tied() ? states : rooms.factor(shape.values());
    probabilities = rooms.of((long) extents.heads() * shape.tokens());
    heads = rooms.factor(shape.values());
    output = rooms.of(shape.hidden());
    identity = math.allocate((long) extents.ropeDim() * extents.ropeDim());
    identity.upload(identity(extents.ropeDim()), 0);
  }

  private static float[] identity(int extent) {
    float[] elements = new float[extent * extent];
    for (int i = 0; i < extent; i++) {
      elements[i * extent + i] = 1;
    }
    return elements;
  }

  /// Elements it takes for a token, a norm included.
  static long elements(LayerShape shape) {
    Extents extents = shape.extents();
    return shape.queries()
        + 2L * shape.states()
        + extents.ropeDim()
        + (extents.tied() ? 0 : shape.queries() + shape.values())
        + (long) extents.heads() * shape.tokens()
        + shape.values()
        + shape.hidden();
  }

  /// Runs the first `windows` windows of the inputs; {@link #output} has the layer's output then.
  void run(DeviceMaps maps, DeviceInputs inputs, int windows) {
    int rows = windows * shape.tokens();
    projectQueries(maps.get(Part.QUERY), inputs, rows);
    addBias(queries, maps.queryBias(), rows);
    math.rotate(queries, rows, querySlices(), layer.spec().rope(), shape.tokens());
    linear(inputs.state(), shape.state(), maps.get(Part.STATE), latents, shape.states(), rows);
    addBias(latents, maps.stateBias(), rows);
    if (normed()) {
      math.rmsNorm(latents, states, norm(maps, rows));
    }
    linear(inputs.rope(), shape.rope(), maps.get(Part.ROPE_KEY), ropeKey, extents.ropeDim(), rows);
    addBias(ropeKey, maps.ropeBias(), rows);
    math.rotate(ropeKey, rows, keySlices(), layer.spec().rope(), shape.tokens());
    if (!extents.tied()) {
      upKeys(maps.get(Part.KEY_UP), rows);
      upValues(maps.get(Part.VALUE_UP), rows);
    }
    attend(windows);
    linear(heads, shape.values(), maps.get(Part.OUTPUT), output, shape.hidden(), rows);
  }

  private void projectQueries(Memory map, DeviceInputs inputs, int rows) {
    switch (layer.spec().query()) {
      case QueryPath.Direct _, QueryPath.LowRank _, QueryPath.Reference _ ->
          linear(inputs.query(), shape.query(), map, queries, shape.queries(), rows);
      case QueryPath.Mixed(int dim, boolean _) -> {
        int out = extents.queryDim();
        math.multiply(
            Product.of(
                Form.RIGHT_TRANSPOSED,
                false,
                new Batch(1, extents.heads()),
                new Sizes(rows, out, dim),
                new Factors(
                    Panel.each(inputs.query(), shape.query(), dim),
                    Panel.each(map, dim, (long) out * dim),
                    Panel.each(queries, shape.queries(), out))));
      }
    }
  }

  private void linear(Memory x, int in, Memory map, Memory y, int out, int rows) {
    math.multiply(
        Product.of(
            Form.RIGHT_TRANSPOSED,
            false,
            Batch.ONE,
            new Sizes(rows, out, in),
            new Factors(Panel.of(x, in), Panel.of(map, in), Panel.of(y, out))));
  }

  private void addBias(Memory x, Memory bias, int rows) {
    if (bias.length() > 0) {
      math.addBias(x, bias, rows);
    }
  }

  /// Of each head `[d_n, d_c]` of its state, and the rotated key behind it.
  private void upKeys(Memory map, int rows) {
    int width = extents.queryDim();
    int free = extents.keyDim();
    int turned = extents.ropeDim();
    int stateDim = extents.stateDim();
    Panel to = Panel.each(keys, shape.queries(), width);
    var eachHead = new Batch(1, extents.heads());
    math.multiply(
        Product.of(
            Form.RIGHT_TRANSPOSED,
            false,
            eachHead,
            new Sizes(rows, free, stateDim),
            new Factors(
                new Panel(states, 0, shape.states(), 0, stateDim, extents.group()),
                Panel.each(map, stateDim, (long) free * stateDim),
                to)));
    math.multiply(
        Product.of(
            Form.RIGHT_TRANSPOSED,
            false,
            eachHead,
            new Sizes(rows, turned, turned),
            new Factors(Panel.of(ropeKey, turned), Panel.of(identity, turned), to.from(free))));
  }

  /// `[H·d_v, d_c]` of every head's state.
  private void upValues(Memory map, int rows) {
    int width = extents.group() * extents.valueDim();
    math.multiply(
        Product.of(
            Form.RIGHT_TRANSPOSED,
            false,
            new Batch(1, extents.states()),
            new Sizes(rows, width, extents.stateDim()),
            new Factors(
                stateRows(states),
                Panel.each(map, extents.stateDim(), (long) width * extents.stateDim()),
                Panel.each(values, shape.values(), width))));
  }

  private void attend(int windows) {
    int tokens = shape.tokens();
    var batch = new Batch(windows, extents.heads());
    float scale = (float) layer.spec().softmaxScale();
    Panel scores = squares(probabilities);
    if (extents.tied()) {
      score(batch, scale, false, ropeQuery(queries), rotated(ropeKey), extents.ropeDim());
    }
    if (keyDim() > 0) {
      score(batch, scale, extents.tied(), query(queries), key(keys), keyDim());
    }
    math.causalSoftmax(probabilities, rows(windows), layer.spec().window());
    math.multiply(
        new Product(
            Form.PLAIN,
            1,
            false,
            Triangle.LEFT,
            batch,
            new Sizes(tokens, extents.valueDim(), tokens),
            new Factors(scores, value(values), head(heads))));
  }

  private void score(Batch batch, float scale, boolean add, Panel queries, Panel keys, int depth) {
    math.multiply(
        new Product(
            Form.RIGHT_TRANSPOSED,
            scale,
            add,
            Triangle.RESULT,
            batch,
            new Sizes(shape.tokens(), shape.tokens(), depth),
            new Factors(queries, keys, squares(probabilities))));
  }

  /// Whether a norm of latents is trained.
  boolean normed() {
    return layer.norm().active();
  }

  /// That norm, over the latents of some rows.
  Norm norm(DeviceMaps maps, int rows) {
    return new Norm(
        maps.get(Part.NORM_GAIN),
        maps.normUnit(),
        rows,
        extents.states(),
        extents.stateDim(),
        (float) AttentionSublayers.LATENT_NORM_EPSILON);
  }

  Slices querySlices() {
    return new Slices(extents.heads(), extents.keyDim(), extents.queryDim(), shape.queries());
  }

  Slices keySlices() {
    return new Slices(1, 0, extents.ropeDim(), extents.ropeDim());
  }

  HeadRows rows(int windows) {
    return new HeadRows(windows, shape.tokens(), extents.heads(), extents.valueDim());
  }

  /// Of `[windows, H, tokens, tokens]`.
  Panel squares(Memory all) {
    long each = (long) shape.tokens() * shape.tokens();
    return new Panel(all, 0, shape.tokens(), extents.heads() * each, each, 1);
  }

  /// Each head's slice of `[rows, H·each]`.
  Panel slices(Memory all, int each) {
    int stride = extents.heads() * each;
    return new Panel(all, 0, stride, (long) shape.tokens() * stride, each, 1);
  }

  /// Each state's slice of `[rows, n·d_c]`, all windows in one.
  Panel stateRows(Memory all) {
    return Panel.each(all, shape.states(), extents.stateDim());
  }

  /// The state of each head.
  private Panel tiedState(Memory all) {
    return new Panel(
        all,
        0,
        shape.states(),
        (long) shape.tokens() * shape.states(),
        extents.stateDim(),
        extents.group());
  }

  /// Elements of a {@link #key}: not its rotated part where the state is the key.
  int keyDim() {
    return extents.tied() ? extents.keyDim() : extents.queryDim();
  }

  Panel key(Memory all) {
    return extents.tied() ? tiedState(all) : slices(all, extents.queryDim());
  }

  Panel value(Memory all) {
    return extents.tied() ? tiedState(all) : slices(all, extents.valueDim());
  }

  Panel head(Memory all) {
    return slices(all, extents.valueDim());
  }

  /// Of each head, unrotated part first.
  Panel query(Memory all) {
    return slices(all, extents.queryDim());
  }

  Panel ropeQuery(Memory all) {
    return query(all).from(extents.keyDim());
  }

  /// The rotary key, the same for all heads.
  Panel rotated(Memory all) {
    return new Panel(all, 0, extents.ropeDim(), (long) shape.tokens() * extents.ropeDim(), 0, 1);
  }

  FactoredAttention layer() {
    return layer;
  }

  LayerShape shape() {
    return shape;
  }

  Memory queries() {
    return queries;
  }

  Memory states() {
    return states;
  }

  Memory latents() {
    return latents;
  }

  Memory ropeKey() {
    return ropeKey;
  }

  Memory keys() {
    return keys;
  }

  Memory values() {
    return values;
  }

  Memory probabilities() {
    return probabilities;
  }

  Memory heads() {
    return heads;
  }

  Memory output() {
    return output;
  }

  @Override
  public void close() {
    identity.close();
    rooms.close();
  }
}
