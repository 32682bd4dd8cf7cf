package dev.regroup.converters.fit;

import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.Panel;
import dev.regroup.runtime.train.Product;
import dev.regroup.runtime.train.Product.Batch;
import dev.regroup.runtime.train.Product.Factors;
import dev.regroup.runtime.train.Product.Sizes;
import dev.regroup.runtime.train.Product.Triangle;
import dev.regroup.runtime.train.TrainingMath;
import dev.regroup.runtime.train.TrainingMath.Fold;

/// {@link Adjoint} of a {@link DevicePass}.
///
/// What heads pull back to on a state or rotary key that they share is kept apart first and summed head
/// by head afterwards, so that sums have one order.
final class DeviceAdjoint implements AutoCloseable {
  private final TrainingMath math;
  private final DevicePass pass;
  private final LayerShape shape;
  private final Extents extents;
  private final Rope transposed;
  private final DeviceRooms rooms;

  /// As in {@link Adjoint}; keys and values of each head, also where they are tied.
  private final Memory queries;

  private final Memory states;

  /// By states before their norm; the same memory where there is none.
  private final Memory latents;

  private final Memory ropeKey;
  private final Memory keys;
  private final Memory values;

  /// By the heads' outputs.
  private final Memory heads;

  /// By probabilities, then by scores.
  private final Memory scores;

  /// By each head's view of the rotary key.
  private final Memory ropeKeys;

  DeviceAdjoint(TrainingMath math, DevicePass pass, int capacity) {
    this.math = math;
    this.pass = pass;
    shape = pass.shape();
    extents = shape.extents();
    transposed = AttentionPass.transposed(pass.layer().spec().rope());
    rooms = new DeviceRooms(math, (long) capacity * shape.tokens());
    queries = rooms.factor(shape.queries());
    states = rooms.of(shape.states());
    latents = pass.normed() ? rooms.of(shape.states()) : states;
    ropeKey = rooms.of(extents.ropeDim());
    keys = rooms.factor(shape.keys());
    values = rooms.factor(shape.values());
    heads = rooms.factor(shape.values());
    scores = rooms.of((long) extents.heads() * shape.tokens());
    ropeKeys = rooms.factor((long) extents.heads() * extents.ropeDim());
  }

  /// Elements it takes for a token, a norm included.
  static long elements(LayerShape shape) {
    Extents extents = shape.extents();
    return shape.queries()
        + 2L * shape.states()
        + extents.ropeDim()
        + shape.keys()
        + 2L * shape.values()
        + (long) extents.heads() * (shape.tokens() + extents.ropeDim());
  }

  /// Pulls `output` `[rows, D]` back through the pass as it ran last.
  void pull(DeviceMaps maps, Memory output, int windows) {
    int rows = windows * shape.tokens();
    math.multiply(
        Product.of(
            Form.PLAIN,
            false,
            Batch.ONE,
            new Sizes(rows, shape.values(), shape.hidden()),
            new Factors(
                Panel.of(output, shape.hidden()),
                Panel.of(maps.get(Part.OUTPUT), shape.values()),
                Panel.of(heads, shape.values()))));
    pullHeads(new Batch(windows, extents.heads()), windows);
    math.fold(
        ropeKeys,
        ropeKey,
        new Fold(rows, 1, extents.heads(), extents.ropeDim(), extents.ropeDim()),
        false);
    math.rotate(queries, rows, pass.querySlices(), transposed, shape.tokens());
    math.rotate(ropeKey, rows, pass.keySlices(), transposed, shape.tokens());
    if (extents.tied()) {
      foldStates(values, extents.valueDim(), rows, false);
      foldStates(keys, extents.keyDim(), rows, true);
    } else {
      pullUp(values, maps.get(Part.VALUE_UP), extents.valueDim(), rows, false);
      pullUp(keys, maps.get(Part.KEY_UP), extents.keyDim(), rows, true);
    }
    if (pass.normed()) {
      math.pullRmsNorm(pass.latents(), states, latents, pass.norm(maps, rows));
    }
  }

  private void pullHeads(Batch batch, int windows) {
    Panel squares = pass.squares(scores);
    Panel pulled = pass.head(heads);
    int width = extents.valueDim();
    push(batch, pass.squares(pass.probabilities()), pulled, pass.slices(values, width), width);
    math.multiply(
        new Product(
            Form.RIGHT_TRANSPOSED,
            1,
            false,
            Triangle.RESULT,
            batch,
            new Sizes(shape.tokens(), shape.tokens(), width),
            new Factors(pulled, pass.value(pass.values()), squares)));
    math.unweigh(
        scores,
        pass.probabilities(),
        heads,
        pass.heads(),
        pass.rows(windows),
        (float) pass.layer().spec().softmaxScale());
    int whole = pass.keyDim();
    if (whole > 0) {
      pullOut(batch, squares, pass.key(pass.keys()), pass.query(queries), whole);
    }
    int turned = extents.ropeDim();
    if (extents.tied()) {
      pullOut(batch, squares, pass.rotated(pass.ropeKey()), pass.ropeQuery(queries), turned);
    }
    int free = extents.keyDim();
    if (free > 0) {
      push(batch, squares, pass.query(pass.queries()), pass.slices(keys, free), free);
    }
    push(batch, squares, pass.ropeQuery(pass.queries()), pass.slices(ropeKeys, turned), turned);
  }

  /// `queries = scores · keys`.
  private void pullOut(Batch batch, Panel from, Panel keys, Panel to, int width) {
    triangular(Form.PLAIN, batch, new Factors(from, keys, to), width);
  }

  /// `keys = scoresᵀ · queries`.
  private void push(Batch batch, Panel from, Panel queries, Panel to, int width) {
    triangular(Form.LEFT_TRANSPOSED, batch, new Factors(from, queries, to), width);
  }

  private void triangular(Form form, Batch batch, Factors factors, int width) {
    var sizes = new Sizes(shape.tokens(), width, shape.tokens());
    math.multiply(new Product(form, 1, false, Triangle.LEFT, batch, sizes, factors));
  }

  private void foldStates(Memory from, int width, int rows, boolean add) {
    if (width > 0) {
      math.fold(
          from,
          states,
          new Fold(rows, extents.states(), extents.group(), width, extents.stateDim()),
          add);
    }
  }

  private void pullUp(Memory from, Memory map, int each, int rows, boolean add) {
    int width = extents.group() * each;
    if (width == 0) {
      return;
    }
    math.multiply(
        Product.of(
            Form.PLAIN,
            add,
            new Batch(1, extents.states()),
            new Sizes(rows, extents.stateDim(), width),
            new Factors(
                Panel.each(from, extents.heads() * each, width),
                Panel.each(map, extents.stateDim(), (long) width * extents.stateDim()),
                pass.stateRows(states))));
  }

  /// Pulled back to the outputs of a part, `[rows, outputs]`; of the output itself, what was pulled.
  Memory outputs(Part part) {
    return switch (part) {
      case QUERY -> queries;
      case STATE -> latents;
      case ROPE_KEY -> ropeKey;
      case KEY_UP -> keys;
      case VALUE_UP -> values;
      case OUTPUT -> pass.output();
      case NORM_GAIN -> states;
    };
  }

  /// Pulled back to a part's weights.
  ///
  /// @param maps that it was pulled back through
  /// @param add whether the gradient is added to
  void weights(
      Part part, DeviceMaps maps, DeviceInputs inputs, int windows, Memory gradient, boolean add) {
    int rows = windows * shape.tokens();
    switch (part) {
      case QUERY -> outer(rows, queries, inputs.query(), shape.query(), gradient, add);
      case STATE -> outer(rows, latents, inputs.state(), shape.state(), gradient, add);
      case ROPE_KEY -> outer(rows, ropeKey, inputs.rope(), shape.rope(), gradient, add);
      case KEY_UP -> outerUp(rows, keys, extents.keyDim(), gradient, add);
      case VALUE_UP -> outerUp(rows, values, extents.valueDim(), gradient, add);
      case OUTPUT -> outer(rows, pass.output(), pass.heads(), shape.values(), gradient, add);
      case NORM_GAIN ->
          math.pullRmsNormGains(pass.latents(), states, gradient, pass.norm(maps, rows), add);
    }
  }

  private void outer(int rows, Memory outputs, Memory x, int in, Memory gradient, boolean add) {
    int out = Math.toIntExact(gradient.length() / in);
    math.multiply(
        Product.of(
            Form.LEFT_TRANSPOSED,
            add,
            Batch.ONE,
            new Sizes(out, in, rows),
            new Factors(Panel.of(outputs, out), Panel.of(x, in), Panel.of(gradient, in))));
  }

  private void outerUp(int rows, Memory outputs, int each, Memory gradient, boolean add) {
    int width = extents.group() * each;
    math.multiply(
        Product.of(
            Form.LEFT_TRANSPOSED,
            add,
            new Batch(1, extents.states()),
            new Sizes(width, extents.stateDim(), rows),
            new Factors(
                Panel.each(outputs, extents.heads() * each, width),
                pass.stateRows(pass.states()),
                Panel.each(gradient, extents.stateDim(), (long) width * extents.stateDim()))));
  }

  @Override
  public void close() {
    rooms.close();
  }
}
