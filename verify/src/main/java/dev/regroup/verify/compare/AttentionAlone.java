package dev.regroup.verify.compare;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.model.AttentionLayer;
import dev.regroup.runtime.model.Residual;
import dev.regroup.verify.measure.Deviation;
import java.util.ArrayList;
import java.util.List;

/// Compares attention sublayers of models whose layers do not fit in memory: of both models, the attention
/// of one layer is read at a time, and feed-forward weights never are.
///
/// Both sublayers are fed the same residual stream: the source's embedding of the windows, and what the
/// source's attention has added to it so far. Without feed-forward sublayers that is not the stream that the
/// model runs on, so that errors are those of another input; that two sublayers differ it shows all the same.
public final class AttentionAlone {
  private final Subject source;
  private final Subject target;
  private final List<int[]> windows;
  private final int tokens;
  private final int few;

  private AttentionAlone(Subject source, Subject target, List<int[]> windows, int few) {
    this.source = source;
    this.target = target;
    this.windows = windows;
    this.tokens = windows.getFirst().length;
    this.few = few;
  }

  /// What was seen.
  ///
  /// @param layers deviations of the attention sublayers; those of streams are empty
  /// @param twinError the largest of the source from itself, its weights read again; must be 0
  /// @param faultLayer where a fault was planted in the target
  /// @param faultHead the head that was negated
  /// @param errorWithout that layer's error as it is, on the windows that controls use
  /// @param errorWith the same with the fault
  public record Outcome(
      List<LayerDeviation> layers,
      double twinError,
      int faultLayer,
      int faultHead,
      double errorWithout,
      double errorWith) {
    public Outcome {
      layers = List.copyOf(layers);
    }

    /// Whether the fault changed the layer's error.
    public boolean detected() {
      return Double.isFinite(errorWith) && Math.abs(errorWith - errorWithout) > 1e-9;
    }
  }

  /// Compares every layer.
  ///
  /// @param windows token ids, all of one length
  /// @param few of the windows, used by the controls
  public static Outcome run(
      Subject source, Subject target, List<int[]> windows, int few, Progress progress) {
    return new AttentionAlone(source, target, windows, few).run(progress);
  }

  private Outcome run(Progress progress) {
    ModelSpec spec = source.spec();
    float[][] hidden =
        EmbeddingRows.read(source.tensors(), spec.hiddenSize(), windows).toArray(float[][]::new);
    PlantedFault fault = PlantedFault.in(target);
    var layers = new ArrayList<LayerDeviation>();
    double twinError = 0;
    double errorWith = Double.NaN;
    progress.begin("comparing attention", spec.layers().size());
    for (int layer = 0; layer < spec.layers().size(); layer++) {
      float[][] expected = added(source, layer, hidden, windows.size());
      List<Deviation> found = deviations(target, layer, hidden, expected, windows.size());
      layers.add(new LayerDeviation(found, List.of(), 0, 0));
      List<Deviation> twin = deviations(source, layer, hidden, expected, few);
      twinError = Math.max(twinError, Deviation.sum(twin).relative());
      if (layer == fault.layer()) {
        List<Deviation> faulty = deviations(fault.subject(), layer, hidden, expected, few);
        errorWith = Deviation.sum(faulty).relative();
      }
      for (int w = 0; w < hidden.length; w++) {
        hidden[w] = Residual.sum(hidden[w], expected[w]);
      }
      progress.advance(layer + 1L, "layer " + layer);
    }
    double errorWithout = layers.get(fault.layer()).attention(few).relative();
    return new Outcome(layers, twinError, fault.layer(), fault.head(), errorWithout, errorWith);
  }

  private List<Deviation> deviations(
      Subject subject, int layer, float[][] hidden, float[][] expected, int count) {
    float[][] found = added(subject, layer, hidden, count);
    var deviations = new ArrayList<Deviation>();
    for (int w = 0; w < count; w++) {
      deviations.add(Deviation.of(expected[w], found[w]));
    }
    return deviations;
  }

  /// What a layer's attention adds to the first windows; its weights are read and dropped.
  private float[][] added(Subject subject, int layer, float[][] hidden, int count) {
    AttentionLayer attention = AttentionLayer.read(subject.spec(), layer, subject.tensors());
    float[][] added = new float[count][];
    Parallel.forEach(count, w -> added[w] = attention.added(hidden[w], tokens));
    return added;
  }
}
