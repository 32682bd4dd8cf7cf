package dev.regroup.runtime.bench;

import dev.regroup.formats.architecture.FeedForward;
import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Operations;
import dev.regroup.runtime.model.RandomAttention;
import dev.regroup.runtime.model.Transformer;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/// The forward of one decoder layer on four sequences in parallel: the scalar definition against
/// the fast operations.
///
/// The layer is shaped as the trained `llama-gqa`: D 256, 8 query and 4 kv heads of 32, MLP 768.
/// What was measured, and how to run it, is in `bench/forward.md`.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 3)
@Measurement(iterations = 5, time = 3)
@Fork(
    value = 1,
    jvmArgs = {
      "-Xmx3g",
      "-XX:+UseParallelGC",
      "--add-modules=jdk.incubator.vector",
      "--enable-native-access=ALL-UNNAMED"
    })
public class ForwardBenchmark {
  private static final int HIDDEN = 256;
  private static final int TOKENS = 256;
  private static final int SEQUENCES = 4;

  /// What computes: the definition or its twin.
  @Param({"scalar", "fast"})
  public String operations = "fast";

  private DecoderLayer layer = layer(Operations.fast());
  private final float[][] hidden = new float[SEQUENCES][];

  /// Reads the layer's weights.
  @Setup
  public void setUp() {
    layer = layer(operations.equals("scalar") ? Operations.scalar() : Operations.fast());
    for (int i = 0; i < SEQUENCES; i++) {
      hidden[i] = RandomAttention.gaussian(new Random(i), TOKENS * HIDDEN, 1);
    }
  }

  /// One layer, four sequences of 256 tokens.
  @Benchmark
  public float[][] layer() {
    float[][] outputs = new float[SEQUENCES][];
    Parallel.forEach(SEQUENCES, i -> outputs[i] = layer.forward(hidden[i], TOKENS));
    return outputs;
  }

  private static DecoderLayer layer(Operations operations) {
    var attention =
        new AttentionSpec(
            new Gqa(8, 4, 32),
            new QueryPath.Direct(false, false),
            new StatePath.KeyValue(false, false),
            Rope.standard(32, 500_000, false),
            1 / Math.sqrt(32),
            false,
            0);
    var spec =
        new ModelSpec(
            "llama",
            HIDDEN,
            8,
            Collections.nCopies(1, new LayerSpec(attention, new FeedForward.Dense(768, false))),
            1e-5,
            true,
            2048,
            0);
    return new Transformer(spec, random(spec.tensors()), operations).layer(0);
  }

  private static Tensors random(Map<String, Shape> shapes) {
    var random = new Random(1);
    var values = new HashMap<String, float[]>();
    shapes.forEach(
        (name, shape) ->
            values.put(name, RandomAttention.gaussian(random, (int) shape.elements(), 0.05)));
    return Tensors.of(values, shapes);
  }
}
