package dev.regroup.runtime.decode;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.model.Backend;
import dev.regroup.runtime.model.Transformer;
import dev.regroup.runtime.text.TextTokenizer;
import dev.regroup.runtime.text.TokenWindows;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import tools.jackson.databind.JsonNode;

/// Text that a model writes itself, at temperature 1: what it was trained on, as far as it knows.
///
/// Every window starts with one of some beginnings and goes on with samples from the model's own
/// distribution, many windows side by side. Each draws from a generator of its own, so that a window
/// depends on the seed and its index alone.
public final class SelfSampler {
  /// Cached elements of all windows that are sampled together: 256 MiB.
  private static final long CACHE_ELEMENTS = 1L << 26;

  private static final int MOST_TOGETHER = 128;

  private static final double SECONDS = 600;

  /// What a core does of float32 products, cautiously.
  private static final double FLOPS_PER_CORE = 2e10;

  /// What texts of many kinds start with; no blank at the end, which most tokens have in front.
  private static final List<String> TEXTS =
      List.of("The", "In the", "I", "import", "def", "#include", "{", "1.", "Question:", "#");

  private final Transformer model;
  private final List<int[]> beginnings;
  private final OptionalInt endOfText;
  private final long seed;

  /// @param beginnings tokens that windows start with, dealt out in turn; none empty
  /// @param endOfText the id after which the first token of the window comes again, as in packed text;
  ///     nothing where the model itself goes on with the next document
  public SelfSampler(Transformer model, List<int[]> beginnings, OptionalInt endOfText, long seed) {
    this.model = model;
    this.beginnings = List.copyOf(beginnings);
    this.endOfText = endOfText;
    this.seed = seed;
  }

  /// A sampler of a checkpoint: every other window starts with its BOS token alone, the rest with BOS
  /// and one of a few generic beginnings of prose, code, dialogue and data. Without a tokenizer that
  /// we read, all start with BOS.
  ///
  /// @param backend what runs the model
  /// @throws CheckpointException where the config names neither BOS nor EOS
  /// @throws UnsupportedModelException where the weights do not fit in memory at once
  public static SelfSampler of(Checkpoint checkpoint, ModelSpec spec, Backend backend, long seed) {
    requireMemory(checkpoint, spec);
    ModelConfig config = checkpoint.config();
    List<Integer> bos = ids(config, "bos_token_id");
    List<Integer> eos = ids(config, "eos_token_id");
    if (bos.isEmpty() && eos.isEmpty()) {
      throw config.wrong(
          "bos_token_id",
          "is missing, and with it what sampled text starts from -> --calibration FILE|DIR");
    }
    int start = bos.isEmpty() ? eos.getFirst() : bos.getFirst();
    OptionalInt end =
        eos.isEmpty() || eos.contains(start) ? OptionalInt.empty() : OptionalInt.of(eos.getFirst());
    return new SelfSampler(
        new Transformer(spec, checkpoint, backend), beginnings(checkpoint, start), end, seed);
  }

  /// As many tokens as this machine samples in about ten minutes, whole windows, between 8 of them and
  /// `most` tokens.
  public static long affordableTokens(ModelSpec spec, int windowTokens, long most) {
    double flops =
        SECONDS * FLOPS_PER_CORE * Runtime.getRuntime().availableProcessors() / 2 / weights(spec);
    long windows = Math.min(most / windowTokens, (long) (flops / windowTokens));
    return Math.max(8, windows) * windowTokens;
  }

  /// One id, or several, or none.
  private static List<Integer> ids(ModelConfig config, String key) {
    JsonNode value = config.copy().path(key);
    return value.isArray()
        ? config.integers(key)
        : value.isInt() ? List.of(value.intValue()) : List.of();
  }

  private static List<int[]> beginnings(Checkpoint checkpoint, int start) {
    int[] alone = {start};
    List<int[]> beginnings = new ArrayList<>();
    try (TextTokenizer tokenizer = TextTokenizer.open(checkpoint.path())) {
      for (String text : TEXTS) {
        int[] tokens = tokenizer.encode(text);
        int from = tokens.length > 0 && tokens[0] == start ? 1 : 0;
        int[] beginning = new int[1 + tokens.length - from];
        beginning[0] = start;
        System.arraycopy(tokens, from, beginning, 1, tokens.length - from);
        beginnings.add(alone);
        beginnings.add(beginning);
      }
    } catch (CheckpointException noTokenizer) {
      return List.of(alone);
    }
    return beginnings;
  }

  private static void requireMemory(Checkpoint checkpoint, ModelSpec spec) {
    double bytes = weights(spec) * Float.BYTES;
    long heap = Runtime.getRuntime().maxMemory();
    if (bytes > 0.8 * heap) {
      throw new UnsupportedModelException(
          ("%s: --calibration self: sampling holds all weights, %.1f GB in float32, in a heap of"
                  + " %.1f GB -> --calibration FILE|DIR, or a larger -Xmx")
              .formatted(checkpoint.path(), bytes / 1e9, heap / 1e9));
    }
  }

  private static double weights(ModelSpec spec) {
    return spec.tensors().values().stream().mapToDouble(Shape::elements).sum();
  }

  /// Windows of sampled text.
  ///
  /// @param windowTokens of each, its beginning included
  public TokenWindows sample(int windows, int windowTokens, Progress progress) {
    int together = Math.min(windows, together(model.spec(), windowTokens));
    List<int[]> sampled = new ArrayList<>();
    progress.begin("sampling calibration text", (long) windows * windowTokens);
    try (var decoder = new BatchDecoder(model, together)) {
      while (sampled.size() < windows) {
        int first = sampled.size();
        int[][] batch = batch(decoder, together, first, windowTokens, progress);
        for (int s = 0; s < together && sampled.size() < windows; s++) {
          sampled.add(batch[s]);
        }
        decoder.reset();
      }
    }
    return TokenWindows.of("the source itself", sampled);
  }

  /// The same whatever the machine: products of other heights may round differently.
  private static int together(ModelSpec spec, int windowTokens) {
    long window = spec.cacheElements() * windowTokens;
    return (int) Math.max(1, Math.min(MOST_TOGETHER, CACHE_ELEMENTS / window));
  }

  private int[][] batch(
      BatchDecoder decoder, int count, int first, int windowTokens, Progress progress) {
    int[][] windows = new int[count][windowTokens];
    SplittableRandom[] random = new SplittableRandom[count];
    for (int s = 0; s < count; s++) {
      random[s] = new SplittableRandom(seed * 0x9E3779B97F4A7C15L + first + s);
      windows[s][0] = beginning(first + s)[0];
    }
    for (int t = 1; t < windowTokens; t++) {
      int[] last = new int[count];
      for (int s = 0; s < count; s++) {
        last[s] = windows[s][t - 1];
      }
      float[] logits = decoder.step(last);
      int vocabulary = logits.length / count;
      int at = t;
      Parallel.forEach(
          count,
          s -> windows[s][at] = next(windows[s], at, first + s, logits, s * vocabulary, random[s]));
      progress.advance((long) first * windowTokens + (long) (t + 1) * count, "");
    }
    return windows;
  }

  private int next(
      int[] window, int at, int index, float[] logits, int from, SplittableRandom random) {
    int[] beginning = beginning(index);
    // drawn in any case, so that a longer beginning shifts nothing
    double draw = random.nextDouble();
    if (at < beginning.length) {
      return beginning[at];
    }
    if (endOfText.isPresent() && window[at - 1] == endOfText.getAsInt()) {
      return window[0];
    }
    return drawn(logits, from, model.spec().vocabularySize(), draw);
  }

  private int[] beginning(int index) {
    return beginnings.get(index % beginnings.size());
  }

  /// The token at which the cumulated softmax passes `draw`.
  static int drawn(float[] logits, int from, int vocabulary, double draw) {
    double most = Double.NEGATIVE_INFINITY;
    for (int v = 0; v < vocabulary; v++) {
      most = Math.max(most, logits[from + v]);
    }
    double total = 0;
    for (int v = 0; v < vocabulary; v++) {
      total += Math.exp(logits[from + v] - most);
    }
    double left = draw * total;
    int last = 0;
    for (int v = 0; v < vocabulary; v++) {
      double share = Math.exp(logits[from + v] - most);
      if (share > 0) {
        last = v;
        left -= share;
        if (left < 0) {
          return v;
        }
      }
    }
    return last;
  }
}
