package dev.regroup.verify;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.text.TokenWindows;
import dev.regroup.verify.compare.Subject;
import dev.regroup.verify.report.VerificationReport;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.UnaryOperator;

/// Random models and token windows that tests verify.
public final class Samples {
  private Samples() {}

  /// A random fixture in memory.
  public static Subject model(String fixture) {
    ModelSpec spec = Fixtures.spec(fixture);
    return new Subject(fixture, spec, Fixtures.tensors(spec, 1));
  }

  /// The model with GTA in place of GQA: attention weights random, all others the model's.
  public static Subject withGta(Subject source) {
    ModelSpec spec = source.spec();
    var attention =
        spec.layers().stream().map(layer -> gta((Gqa) layer.attention().layout())).toList();
    ModelSpec changed = spec.withAttention("regroup_gta", attention);
    Map<String, float[]> values = new HashMap<>();
    Map<String, Shape> shapes = new HashMap<>(changed.tensors());
    Tensors random = Fixtures.tensors(changed, 2);
    shapes.forEach(
        (name, _) ->
            values.put(
                name,
                name.contains("self_attn") ? random.floats(name) : source.tensors().floats(name)));
    return new Subject(source.name() + "-gta", changed, Tensors.of(values, shapes));
  }

  private static AttentionSpec gta(Gqa layout) {
    int rope = layout.headDim() / 2;
    return new AttentionSpec(
        new Gta(layout.queryHeads(), layout.kvHeads(), layout.headDim(), rope),
        new QueryPath.Direct(false, false),
        new StatePath.Tied(false),
        Rope.standard(rope, 10_000, false),
        1 / Math.sqrt(layout.headDim()),
        false,
        0);
  }

  /// The model with one tensor changed.
  public static Subject with(Subject model, String tensor, UnaryOperator<float[]> change) {
    Shape shape = model.tensors().find(tensor).orElseThrow().shape();
    float[] changed = change.apply(model.tensors().floats(tensor).clone());
    Tensors over = Tensors.of(Map.of(tensor, changed), Map.of(tensor, shape));
    return new Subject(model.name(), model.spec(), model.tensors().overlaidBy(over));
  }

  /// Tokens drawn at random that stand for text.
  public static TokenWindows windows(Subject model, int windows, int tokens) {
    var random = new Random(7);
    List<int[]> ids = new ArrayList<>();
    for (int w = 0; w < windows; w++) {
      ids.add(random.ints(tokens, 0, model.spec().vocabularySize()).toArray());
    }
    return new TokenWindows("sample", "0".repeat(64), tokens, ids);
  }

  /// A report on everything, with 4 windows of 80 tokens.
  public static VerificationReport verify(Subject source, Subject target) {
    var options = VerifyOptions.on(Optional.of(windows(source, 4, 80)));
    return Verifier.verify(source, target, options, Progress.NONE);
  }
}
