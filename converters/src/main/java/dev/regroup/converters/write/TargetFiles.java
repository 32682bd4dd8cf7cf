package dev.regroup.converters.write;

import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.safetensors.SafetensorsWriter;
import dev.regroup.formats.safetensors.ShardPlan.PlannedFile;
import dev.regroup.formats.tensor.TensorCodec;
import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.runtime.Progress;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/// The files of an output that hold tensors. Written tensors come in any order, from the caller's
/// thread; meanwhile others copy and hash what is kept, a few files at a time in the order of the
/// output, and complete each file once the layers in it are done.
///
/// What an earlier run finished is taken over after its hash was checked: whole files, and the
/// tensors of layers in files that it did not finish.
public final class TargetFiles implements AutoCloseable {
  /// What unfinished files end on, so that nobody takes them for a model's.
  static final String UNFINISHED = ".part";

  /// Files put together at a time at most. More would only move the disk's head about.
  private static final int MOST_FILES = 4;

  /// The same of files that go past the system's cache: each thread waits for the disk itself there, and
  /// a disk wants more than a few requests in flight.
  private static final int MOST_UNCACHED_FILES = 5;

  private final ConversionPlan plan;
  private final Checkpoint source;
  private final CopyOptions how;
  private final Journal journal;
  private final OutputFiles output;
  private final OpenFiles open;
  private final LayerGate gate = new LayerGate();
  private final Map<String, FinishedFile> finished = new TreeMap<>();
  private final Map<Integer, FinishedLayer> restored;
  private final AtomicLong copied = new AtomicLong();
  private final ExecutorService copying;
  private final ExecutorService writers =
      Executors.newCachedThreadPool(Thread.ofPlatform().name("write-", 0).daemon().factory());
  private volatile Progress progress = Progress.NONE;

  private TargetFiles(
      TargetDirectory directory, ConversionPlan plan, Checkpoint source, boolean checked) {
    WriteOptions options = directory.options();
    this.plan = plan;
    this.source = source;
    how = CopyOptions.of(options, checked, directory.model(), plan.bytes(Fate.KEPT));
    journal = directory.journal();
    output = new OutputFiles(plan, options.part());
    open = new OpenFiles(directory.disk(), directory.model());
    var takeover = new Takeover(output, open, journal.before(), directory.model());
    takeover.files().forEach(file -> finished.put(file.name(), file));
    restored = takeover.layers();
    restored.keySet().forEach(gate::open);
    copying =
        Executors.newFixedThreadPool(
            how.uncached()
                ? MOST_UNCACHED_FILES
                : Math.min(Runtime.getRuntime().availableProcessors() + 1, MOST_FILES),
            Thread.ofPlatform().name("copy-", 0).daemon().factory());
  }

  /// Begins to put the files of a plan together, or goes on with it.
  ///
  /// @param checked whether elements that are not finite are refused
  public static TargetFiles begin(
      TargetDirectory directory, ConversionPlan plan, Checkpoint source, boolean checked) {
    TargetFiles files = new TargetFiles(directory, plan, source, checked);
    for (PlannedFile file : files.output.mine()) {
      if (!files.open.isFinished(file)) {
        files.copying.execute(() -> files.guarded(() -> files.assemble(file)));
      }
    }
    return files;
  }

  /// Whether a layer writes tensors into files of this part.
  public boolean needs(int layer) {
    return !output.writtenHere(layer).isEmpty();
  }

  /// A layer that an earlier run finished, all of whose tensors of this part are on the disk as they
  /// were written.
  public Optional<FinishedLayer> restored(int layer) {
    return Optional.ofNullable(restored.get(layer));
  }

  /// Writes a tensor, rounding its elements to the planned dtype, unless it belongs to another part
  /// or to a file that is finished.
  ///
  /// @param values row-major
  /// @throws RuntimeException whatever ended the copying of files meanwhile
  public void write(String tensor, float[] values) {
    rethrow();
    PlannedFile file = output.of(tensor);
    if (output.isMine(file) && !open.isFinished(file)) {
      open.get(file).write(tensor, values);
    }
  }

  /// Whether a tensor is written, and not copied.
  public boolean writes(String tensor) {
    return output.layer(tensor).isPresent();
  }

  /// The elements of a tensor as they were written.
  public float[] floats(String tensor) {
    PlannedFile file = output.of(tensor);
    TensorInfo info =
        file.tensors().stream().filter(each -> each.name().equals(tensor)).findAny().orElseThrow();
    return open.read(file, writer -> decode(writer, info));
  }

  private static float[] decode(SafetensorsWriter writer, TensorInfo info) {
    float[] values = new float[Math.toIntExact(info.shape().elements())];
    int width = info.dtype().bits() / 8;
    ByteBuffer piece = WriteBehind.piece();
    for (int at = 0; at < values.length; at += piece.limit() / width) {
      piece.clear().limit((int) Math.min(piece.capacity(), (long) (values.length - at) * width));
      writer.read(info.name(), (long) at * width, piece);
      TensorCodec.decode(info.dtype(), piece.flip(), values, at);
    }
    return values;
  }

  /// Notes that all tensors of a layer are written.
  ///
  /// @param layer without hashes, which are added here
  /// @param costly whether a later run should rather find it on the disk than convert it again, be
  ///   it after a power failure
  public void finish(FinishedLayer layer, boolean costly) {
    SortedMap<String, String> hashes = new TreeMap<>();
    ByteBuffer piece = WriteBehind.piece();
    for (TensorInfo tensor : output.writtenHere(layer.layer())) {
      SafetensorsWriter writer = open.get(output.of(tensor.name()));
      hashes.put(tensor.name(), Takeover.hash(writer, tensor, piece));
      if (costly) {
        writer.file().force();
      }
    }
    journal.add(new FinishedLayer(layer.layer(), layer.spec(), layer.report(), hashes), costly);
    gate.open(layer.layer());
  }

  /// Waits until every file is complete and forced to the disk.
  ///
  /// @param heard told of copied bytes from now on
  public List<FinishedFile> finish(Progress heard) {
    heard.begin("copying unchanged tensors", plan.bytes(Fate.KEPT));
    progress = heard;
    await(copying);
    rethrow();
    synchronized (finished) {
      return List.copyOf(finished.values());
    }
  }

  @Override
  public void close() {
    gate.fail(new LayerGate.Abandoned());
    await(copying);
    await(writers);
    open.close();
  }

  private void await(ExecutorService threads) {
    threads.shutdown();
    try {
      while (!threads.awaitTermination(1, TimeUnit.HOURS)) {
        // a slow disk
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      gate.fail(e);
    }
  }

  private void assemble(PlannedFile file) {
    gate.requireGoingOn();
    SafetensorsWriter writer = open.get(file);
    List<Segment> segments = Segment.of(file.tensors(), output::layer, source);
    String hash = new ShardAssembly(writer, segments, gate, how).assemble(writers, this::advance);
    writer.finish();
    open.finish(file);
    FinishedFile done = new FinishedFile(file.name(), writer.bytes(), hash);
    journal.add(done);
    synchronized (finished) {
      finished.put(file.name(), done);
    }
  }

  /// Ends the run where work on a thread of ours fails.
  private void guarded(Runnable work) {
    try {
      work.run();
    } catch (LayerGate.Abandoned _) {
      // whatever failed was noted where it failed
    } catch (RuntimeException | Error e) {
      gate.fail(e);
    }
  }

  private void advance(long bytes) {
    progress.advance(copied.addAndGet(bytes), "");
  }

  private void rethrow() {
    switch (gate.failure()) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case Throwable e -> throw new IllegalStateException(e);
    }
  }
}
