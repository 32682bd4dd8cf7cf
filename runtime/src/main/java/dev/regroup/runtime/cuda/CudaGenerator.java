package dev.regroup.runtime.cuda;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.CacheRow;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.cuda.CudaKernel.Extent;
import dev.regroup.runtime.decode.PagedCache;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Decodes a batch of sequences with everything on the device: weights, paged caches, positions, and
/// the choice of the next token. A step is one graph; the host only launches it.
public final class CudaGenerator implements AutoCloseable {
  private static final int PAGE = PagedCache.PAGE_TOKENS;
  private static final int STEPS = 32;

  private final CudaMath math;
  private final StepAttention caching;
  private final ModelSpec model;
  private final int sequences;
  private final int context;
  private final int pagesEach;
  private final List<DeviceLayer> layers = new ArrayList<>();
  private final List<CudaBuffer> caches = new ArrayList<>();
  private final List<CudaBuffer> owned = new ArrayList<>();
  private final DeviceWeights embeddingWeights;
  private @Nullable DeviceHead head;
  private final DeviceBlock embedding;
  private final CudaBuffer table;
  private final CudaBuffer positions;
  private final CudaBuffer lengths;
  private final CudaBuffer tokens;
  private final DeviceBlock hidden;

  /// Reads all weights and makes room for the caches.
  ///
  /// @param backend closed by the caller, after this
  /// @param attention computes attention over the caches
  /// @param sequences decoded at once
  /// @param context tokens that each cache holds when {@link #tokensPerSecond} begins; some more fit
  public CudaGenerator(
      CudaBackend backend,
      StepAttention.Maker attention,
      ModelSpec model,
      Tensors weights,
      int sequences,
      int context) {
    this(backend, attention, model, backend.source(weights), sequences, context);
  }

  /// The same with weights from anywhere.
  CudaGenerator(
      CudaBackend backend,
      StepAttention.Maker attention,
      ModelSpec model,
      WeightSource weights,
      int sequences,
      int context) {
    this.math = backend.math();
    embeddingWeights = backend.weights(weights);
    this.model = model;
    caching = attention.on(math.context(), math.stream());
    this.sequences = sequences;
    this.context = context;
    pagesEach = pages(context);
    try {
      for (int i = 0; i < model.layers().size(); i++) {
        layers.add(backend.deviceLayer(model, i, weights));
        CacheRow row = model.layers().get(i).attention().layout().cacheRow();
        long bytes =
            (long) sequences * pagesEach * PAGE * row.elements() * math.precision().bytes();
        caches.add(own(math.context().allocate(bytes)));
      }
      DeviceHead read = backend.deviceHead(model, weights);
      head = read;
      embedding = model.tiedEmbeddings() ? read.weight() : embedding();
      embeddingWeights.loader().synchronize();
      table = own(math.context().allocate(4L * sequences * pagesEach)).upload(pageTable());
      positions = own(math.context().allocate(4L * sequences));
      lengths = own(math.context().allocate(4L * sequences));
      seek(0);
      tokens = own(math.context().allocate(4L * sequences)).fill(0);
      CudaBuffer stream = own(math.context().allocate(4L * sequences * model.hiddenSize()));
      hidden = DeviceBlock.of(stream, Precision.FLOAT32, sequences, model.hiddenSize());
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private DeviceBlock embedding() {
    return embeddingWeights.matrix(
        ModelSpec.EMBEDDING, Shape.of(model.vocabularySize(), model.hiddenSize()));
  }

  private static int pages(int context) {
    return Math.ceilDiv(context + 4 * STEPS, PAGE);
  }

  /// Bytes of a model's weights and caches in BF16.
  public static long bytes(ModelSpec model, int sequences, int context) {
    long weights = model.tensors().values().stream().mapToLong(Shape::elements).sum();
    return 2 * (weights + model.cacheElements() * sequences * pages(context) * PAGE);
  }

  private CudaBuffer own(CudaBuffer buffer) {
    owned.add(buffer);
    return buffer;
  }

  /// Pages of a sequence lie apart, as in a server that has run for a while.
  private int[] pageTable() {
    int[] pages = new int[sequences * pagesEach];
    for (int sequence = 0; sequence < sequences; sequence++) {
      for (int page = 0; page < pagesEach; page++) {
        pages[sequence * pagesEach + page] = page * sequences + sequence;
      }
    }
    return pages;
  }

  /// Appends one token to each sequence at the next position.
  ///
  /// @return logits `[sequences, vocabulary]` that follow
  public float[] step(int[] given) {
    tokens.upload(given);
    DeviceBlock logits = step();
    return PlainCopy.download(math.context(), logits, math.stream());
  }

  /// The whole step, on the stream.
  private DeviceBlock step() {
    caching.begin();
    math.embed(tokens, embedding, hidden);
    for (int i = 0; i < layers.size(); i++) {
      DeviceLayer layer = layers.get(i);
      attend(layer, caches.get(i));
      layer.feedForward().step(layer.feedForwardInput(hidden), hidden, true);
    }
    DeviceBlock logits = Objects.requireNonNull(head).logits(hidden);
    math.launch(
        math.context().module("score").kernel("argmax"),
        Extent.of(sequences),
        Extent.of(256),
        0,
        logits.address(),
        model.vocabularySize(),
        tokens);
    advance(positions);
    advance(lengths);
    return logits;
  }

  private void advance(CudaBuffer numbers) {
    math.launch(
        kernel("advance"),
        Extent.of(Math.ceilDiv(sequences, 256)),
        Extent.of(256),
        0,
        numbers,
        sequences);
  }

  private CudaKernel kernel(String name) {
    return math.context().module("step").kernel(name);
  }

  private void attend(DeviceLayer layer, CudaBuffer cache) {
    DeviceAttention attention = layer.attention();
    AttentionLayout layout = attention.spec().layout();
    CacheRow row = layout.cacheRow();
    String type = math.precision().suffix();
    DeviceBlock queries = math.block("queries", sequences, attention.queryColumns());
    DeviceBlock rows = math.block("rows", sequences, row.elements());
    attention.project(layer.attentionInput(hidden), queries, rows);
    attention.rotateAt(queries, rows, positions, pagesEach * PAGE);
    math.launch(
        kernel("append_" + type),
        Extent.of(sequences),
        Extent.of(256),
        0,
        rows.address(),
        cache,
        table,
        pagesEach,
        positions,
        row.elements());
    DeviceBlock absorbed = attention.absorb(queries);
    DeviceBlock attended =
        math.block("attended", sequences, layout.queryHeads() * row.value().width());
    caching.attend(
        new StepAttention.Heads(
            row, layout.queryHeads(), attention.spec().softmaxScale(), attention.spec().window()),
        new StepAttention.Caches(cache, table, pagesEach, positions, lengths),
        absorbed,
        attended);
    attention.output(attention.expand(attended), hidden, true);
  }

  /// Decodes greedily from empty caches, one launch of the graph a token.
  ///
  /// @param first token of each sequence
  /// @return `[steps, sequences]`, the tokens that follow
  public int[][] generate(int[] first, int steps) {
    Objects.checkFromIndexSize(0, steps, pagesEach * PAGE);
    seek(0);
    try (CudaGraph graph = graph()) {
      seek(0);
      tokens.upload(first);
      int[][] said = new int[steps][];
      for (int i = 0; i < steps; i++) {
        graph.launch(math.stream());
        said[i] = tokens.ints(sequences);
      }
      return said;
    }
  }

  /// A step as one graph, after one that has taken what memory it needs.
  private CudaGraph graph() {
    step();
    math.synchronize();
    return math.stream().capture(this::step);
  }

  /// Tokens a second of all sequences together, greedily decoded, with `context` tokens in each
  /// cache: device time of {@value #STEPS} steps, the middle of three runs.
  public double tokensPerSecond() {
    for (int i = 0; i < caches.size(); i++) {
      CacheRow row = model.layers().get(i).attention().layout().cacheRow();
      int rows = sequences * pagesEach * PAGE;
      math.randomise(
          DeviceBlock.of(caches.get(i), math.precision(), rows, row.elements()), i, 0.5f);
    }
    seek(context - 1);
    try (CudaGraph graph = graph();
        CudaEvent begin = math.context().event();
        CudaEvent end = math.context().event()) {
      double[] seconds = new double[3];
      for (int run = 0; run < seconds.length; run++) {
        seek(context - 1);
        begin.record(math.stream());
        for (int i = 0; i < STEPS; i++) {
          graph.launch(math.stream());
        }
        end.record(math.stream()).synchronize();
        seconds[run] = end.millisecondsSince(begin) / 1000.0;
      }
      Arrays.sort(seconds);
      return sequences * STEPS / seconds[1];
    }
  }

  /// Puts every sequence at a position.
  private void seek(int position) {
    int[] all = new int[sequences];
    Arrays.fill(all, position);
    math.synchronize();
    positions.upload(all);
    Arrays.fill(all, position + 1);
    lengths.upload(all);
  }

  @Override
  public void close() {
    math.synchronize();
    caching.close();
    layers.forEach(DeviceLayer::close);
    if (head != null) {
      head.close();
    }
    embeddingWeights.close();
    owned.forEach(CudaBuffer::close);
  }
}
