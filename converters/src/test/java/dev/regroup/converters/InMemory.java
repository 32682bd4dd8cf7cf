package dev.regroup.converters;

import dev.regroup.converters.calibrate.LayerStatistics;
import dev.regroup.converters.calibrate.StatisticsCollector;
import dev.regroup.converters.calibrate.Streams;
import dev.regroup.converters.calibrate.WeightPrior;
import dev.regroup.converters.closedform.ClosedForm;
import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Transformer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/// Closed forms on whole models in memory, for targets that no plan would make.
public final class InMemory {
  /// Past every window and every original context of the fixtures' rope scalings.
  public static final int TOKENS = 80;

  private InMemory() {}

  /// What closed forms go by.
  public enum Statistics {
    /// Measured on random tokens.
    CALIBRATED,
    /// Made from the weights.
    PRIOR
  }

  /// The converted model, its heads in the source's order.
  ///
  /// @param target makes a layer's new attention out of its old one
  public static Transformer convert(
      ModelSpec source, Tensors weights, UnaryOperator<AttentionSpec> target, Statistics by) {
    return convert(source, weights, target, by, false);
  }

  /// The converted model.
  ///
  /// @param target makes a layer's new attention out of its old one
  /// @param regroup whether heads may change places
  public static Transformer convert(
      ModelSpec source,
      Tensors weights,
      UnaryOperator<AttentionSpec> target,
      Statistics by,
      boolean regroup) {
    var model = new Transformer(source, weights);
    var streams = new Streams(model.embedding(), windows(source, 4, TOKENS));
    List<AttentionSpec> specs = new ArrayList<>();
    Map<String, float[]> tensors = new HashMap<>();
    source.tensors().keySet().forEach(name -> tensors.put(name, weights.floats(name)));
    for (int i = 0; i < source.layers().size(); i++) {
      DecoderLayer layer = model.layer(i);
      LayerWeights own = LayerWeights.read(weights, source, i, false);
      AttentionSpec before = layer.spec().attention();
      streams.attend(layer);
      LayerStatistics statistics =
          switch (by) {
            case CALIBRATED ->
                StatisticsCollector.collect(layer, own, streams, source.hiddenSize());
            case PRIOR ->
                WeightPrior.of(
                    before, own, weights.floats("model.layers." + i + ".input_layernorm.weight"));
          };
      FactoredAttention converted =
          ClosedForm.convert(
                  before, target.apply(before), own, statistics, source.hiddenSize(), regroup)
              .attention();
      int index = i;
      converted
          .tensors(own.tensors())
          .forEach((tensor, values) -> tensors.put(tensor.in(index), values));
      specs.add(converted.spec());
      streams.advance(layer, layer.attention());
    }
    ModelSpec spec = source.withAttention("regroup", specs);
    return new Transformer(spec, Tensors.of(tensors, spec.tensors()));
  }

  /// The model with other attention sublayers over the same tensors.
  public static ModelSpec with(ModelSpec source, UnaryOperator<AttentionSpec> changed) {
    return source.withAttention(
        source.architecture(),
        source.layers().stream().map(layer -> changed.apply(layer.attention())).toList());
  }

  /// Windows of random tokens.
  public static List<int[]> windows(ModelSpec spec, int count, int tokens) {
    return IntStream.range(0, count).mapToObj(i -> tokens(spec, 100 + i, tokens)).toList();
  }

  /// One window of random tokens.
  public static int[] tokens(ModelSpec spec, long seed, int tokens) {
    return new Random(seed).ints(tokens, 0, spec.vocabularySize()).toArray();
  }

  /// The largest difference between two arrays, relative to the root mean square of the first.
  public static double difference(float[] expected, float[] found) {
    double squares = 0;
    double most = 0;
    for (int i = 0; i < expected.length; i++) {
      squares += (double) expected[i] * expected[i];
      double difference = Math.abs((double) expected[i] - found[i]);
      // a NaN must not pass for a small difference
      most = difference <= most ? most : difference;
    }
    return expected.length == found.length
        ? most / Math.sqrt(squares / expected.length)
        : Double.NaN;
  }
}
