package dev.regroup.runtime.cuda;

import dev.regroup.formats.architecture.FeedForward;
import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// How fast whole models decode, a step on the device: random models that differ in nothing but their
/// attention, each by several kernels of attention.
public final class StepBench {
  private static final int HIDDEN = 2048;
  private static final int LAYERS = 16;
  private static final int CONTEXT = 4096;
  private static final int[] BATCHES = {1, 64};

  private StepBench() {}

  /// What was measured.
  ///
  /// @param model name of its attention
  /// @param cacheBytes of a token, all layers, BF16
  /// @param sequences decoded at once
  /// @param context tokens in the cache of each
  /// @param tokensPerSecond of all sequences together, by the name of what computed attention
  public record Result(
      String model,
      long cacheBytes,
      int sequences,
      int context,
      Map<String, Double> tokensPerSecond) {}

  /// Models of about 1B parameters, 16 layers, D 2048, MLP of 8192 and a vocabulary of 128,256 as
  /// Llama 3.2 1B; heads as there (32 of 64, 8 states), and as DeepSeek-V2-Lite's (16 of 128, latent
  /// 512, rotary key 64).
  ///
  /// @param attentions what to compute attention by
  public static List<Result> run(CudaContext context, Map<String, StepAttention.Maker> attentions) {
    Map<String, AttentionLayout> layouts = new LinkedHashMap<>();
    layouts.put("gqa", new Gqa(32, 8, 64));
    layouts.put("gta", new Gta(32, 8, 64, 32));
    layouts.put("mla", new Gla(16, 1, 512, 128, 64, 128));
    layouts.put("gla-2", new Gla(16, 2, 256, 128, 64, 128));
    List<Result> results = new ArrayList<>();
    layouts.forEach(
        (name, layout) -> {
          ModelSpec model = model(layout);
          for (int sequences : BATCHES) {
            Map<String, Double> speeds = new LinkedHashMap<>();
            attentions.forEach(
                (by, maker) -> speeds.put(by, speed(context, maker, model, sequences)));
            results.add(new Result(name, 2 * model.cacheElements(), sequences, CONTEXT, speeds));
          }
        });
    return results;
  }

  private static double speed(
      CudaContext context, StepAttention.Maker maker, ModelSpec model, int sequences) {
    try (var backend = new CudaBackend(context, Precision.BFLOAT16);
        var generator =
            new CudaGenerator(backend, maker, model, backend.random(model), sequences, CONTEXT)) {
      return generator.tokensPerSecond();
    }
  }

  private static ModelSpec model(AttentionLayout layout) {
    AttentionSpec attention = attention(layout, 500000, 0);
    var layer = new LayerSpec(attention, new FeedForward.Dense(8192, false));
    return new ModelSpec(
        "llama", HIDDEN, 128256, Collections.nCopies(LAYERS, layer), 1e-5, true, 131072, 0);
  }

  /// Attention of a layout as bare as it can be: no bias, no head norms, a plain rotary table.
  ///
  /// @param base of the rotary table
  /// @param window 0 for all tokens
  static AttentionSpec attention(AttentionLayout layout, double base, int window) {
    StatePath state =
        switch (layout) {
          case Gqa _ -> new StatePath.KeyValue(false, false);
          case Gta _ -> new StatePath.Tied(false);
          case Gla gla ->
              new StatePath.Latent(gla.latentHeads() * gla.latentDim(), true, false, false);
        };
    return new AttentionSpec(
        layout,
        new QueryPath.Direct(false, false),
        state,
        Rope.standard(layout.ropeDim(), base, false),
        1 / Math.sqrt(layout.queryDim()),
        false,
        window);
  }
}
