package dev.regroup.runtime.cuda;

import dev.regroup.formats.architecture.Routing;
import dev.regroup.runtime.cuda.CudaKernel.Extent;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A mixture of experts on the device: each expert runs once, on the tokens that chose it.
///
/// @param shared the shared experts as one MLP, or none
/// @param weights closed with it
record DeviceMixture(
    CudaMath math,
    Router router,
    Experts experts,
    @Nullable DeviceMlp shared,
    DeviceWeights weights)
    implements DeviceFeedForward {
  private static final int THREADS = 256;
  private static final int MOST_EXPERTS = 512;

  /// @param gate `[experts, D]`
  /// @param correctionBias `[experts]` float32, or none
  record Router(Routing routing, DeviceLinear gate, @Nullable CudaBuffer correctionBias) {
    Router {
      if (gate.out() > MOST_EXPERTS || routing.expertsPerToken() > 32 || routing.groups() > 64) {
        throw new IllegalArgumentException(
            "a router on the device takes %d experts and 32 a token, found %d and %d"
                .formatted(MOST_EXPERTS, gate.out(), routing.expertsPerToken()));
      }
    }
  }

  /// Routed experts.
  ///
  /// @param gateUp `[experts · 2 · width, D]`
  /// @param down `[experts · D, width]`
  record Experts(DeviceBlock gateUp, DeviceBlock down, int count) {
    int width() {
      return down.columns();
    }
  }

  /// What tokens chose: experts `[tokens, each]`, best first, their weights, and each token's slots in
  /// order of experts.
  private record Choice(CudaBuffer experts, CudaBuffer weights, CudaBuffer order, int each) {}

  private Choice choose(DeviceBlock x) {
    int each = router.routing().expertsPerToken();
    int slots = x.rows() * each;
    DeviceBlock logits =
        math.scratch().block("routerLogits", Precision.FLOAT32, x.rows(), experts.count());
    math.linear(router.gate(), x, logits, false);
    var choice =
        new Choice(
            math.scratch().get("chosen", 4L * slots),
            math.scratch().get("chosenWeights", 4L * slots),
            math.scratch().get("chosenOrder", 4L * slots),
            each);
    CudaBuffer bias = router.correctionBias();
    math.launch(
        kernel("route"),
        Extent.of(x.rows()),
        Extent.of(32),
        0,
        logits.address(),
        bias == null ? (Object) 0L : bias,
        arguments(),
        choice.experts(),
        choice.weights(),
        choice.order());
    return choice;
  }

  private byte[] arguments() {
    Routing routing = router.routing();
    return ByteBuffer.allocate(32)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putDouble(routing.scale())
        .putInt(experts.count())
        .putInt(routing.expertsPerToken())
        .putInt(routing.groups())
        .putInt(routing.groupsPerToken())
        .putInt(routing.sigmoid() ? 1 : 0)
        .putInt(routing.normalise() ? 1 : 0)
        .array();
  }

  private CudaKernel kernel(String name) {
    return math.context().module("experts").kernel(name);
  }

  /// The shared experts' output, or zeros.
  private void begin(DeviceBlock x, DeviceBlock to, boolean add) {
    if (shared != null) {
      shared.forward(x, to, add);
    } else if (!add) {
      math.zero(to);
    }
  }

  @Override
  public void forward(DeviceBlock x, DeviceBlock to, boolean add) {
    begin(x, to, add);
    Choice choice = choose(x);
    int slots = x.rows() * choice.each();
    math.synchronize();
    int[] chosen = choice.experts().ints(slots);
    var grouping = Grouping.of(chosen, experts.count());
    CudaBuffer order = math.scratch().get("slots", 4L * slots).upload(grouping.slots());
    CudaBuffer places = math.scratch().get("places", 4L * slots).upload(grouping.places());
    DeviceBlock inputs = math.block("expertInputs", slots, x.columns());
    elementwise(
        "gather_" + x.type().suffix(),
        inputs.elements(),
        x.address(),
        order,
        inputs.address(),
        choice.each(),
        x.columns());
    DeviceBlock outputs = math.block("expertOutputs", slots, x.columns());
    for (int e = 0; e < experts.count(); e++) {
      int first = grouping.starts()[e];
      int count = grouping.starts()[e + 1] - first;
      if (count > 0) {
        expert(e).forward(inputs.rows(first, count), outputs.rows(first, count), false);
      }
    }
    combine(choice, outputs, places, to);
  }

  private DeviceMlp expert(int index) {
    int width = experts.width();
    int hiddenSize = experts.gateUp().columns();
    return new DeviceMlp(
        math,
        new Gated(
            new DeviceLinear(experts.gateUp().rows(index * 2 * width, 2 * width), null),
            new DeviceLinear(experts.down().rows(index * hiddenSize, hiddenSize), null)),
        weights);
  }

  /// Slots brought together by expert.
  ///
  /// @param slots in order of experts
  /// @param places where each slot stands in that order
  /// @param starts where each expert's slots begin, and where all end
  private record Grouping(int[] slots, int[] places, int[] starts) {
    static Grouping of(int[] chosen, int experts) {
      int[] starts = new int[experts + 1];
      for (int expert : chosen) {
        starts[expert + 1]++;
      }
      for (int e = 0; e < experts; e++) {
        starts[e + 1] += starts[e];
      }
      int[] next = starts.clone();
      int[] slots = new int[chosen.length];
      int[] places = new int[chosen.length];
      for (int slot = 0; slot < chosen.length; slot++) {
        int place = next[chosen[slot]]++;
        slots[place] = slot;
        places[slot] = place;
      }
      return new Grouping(slots, places, starts);
    }
  }

  private void combine(Choice choice, DeviceBlock outputs, Object places, DeviceBlock to) {
    elementwise(
        "combine_" + outputs.type().suffix(),
        to.elements(),
        to.address(),
        outputs.address(),
        places,
        choice.order(),
        choice.weights(),
        choice.each(),
        to.columns());
  }

  private void elementwise(String name, long count, Object... arguments) {
    Object[] all = Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = count;
    math.launch(
        kernel(name), Extent.of(Math.ceilDiv(count, (long) THREADS)), Extent.of(THREADS), 0, all);
  }

  @Override
  public void step(DeviceBlock x, DeviceBlock to, boolean add) {
    begin(x, to, add);
    Choice choice = choose(x);
    int slots = x.rows() * choice.each();
    int width = experts.width();
    DeviceBlock both = math.block("slotGateUp", slots, 2 * width);
    expert(experts.gateUp(), choice, x.address(), both, choice.each());
    DeviceBlock gated = math.block("slotGated", slots, width);
    math.gate(both, gated);
    DeviceBlock outputs = math.block("slotOutputs", slots, x.columns());
    expert(experts.down(), choice, gated.address(), outputs, 1);
    combine(choice, outputs, 0L, to);
  }

  private void expert(DeviceBlock weight, Choice choice, long x, DeviceBlock y, int each) {
    math.launch(
        kernel("expert_" + y.type().suffix()),
        new Extent(Math.ceilDiv(y.columns(), 8), y.rows(), 1),
        new Extent(32, 8, 1),
        0,
        weight.address(),
        choice.experts(),
        x,
        y.address(),
        each,
        y.columns(),
        weight.columns());
  }

  @Override
  public int[] routing(DeviceBlock x) {
    Choice choice = choose(x);
    math.synchronize();
    return choice.experts().ints(x.rows() * choice.each());
  }

  @Override
  public void close() {
    math.synchronize();
    weights.close();
  }
}
