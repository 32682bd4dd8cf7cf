package dev.regroup.runtime.cuda.decode;

import dev.regroup.runtime.cuda.CudaBuffer;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.CudaStream;
import dev.regroup.runtime.cuda.DeviceBlock;
import dev.regroup.runtime.cuda.Precision;
import dev.regroup.runtime.cuda.StepAttention;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/// {@link StepAttention} by the decode kernels. Pages are dealt out on the device, once a step for all
/// layers that are alike, from the lengths that lie there: a captured step stays right while they grow.
public final class ScheduledAttention implements StepAttention {
  private final CudaContext context;
  private final CudaStream stream;
  private final StepAttention plain;
  private final Map<Batch, CudaDecode> kernels = new HashMap<>();
  private final Set<Batch> scheduled = new HashSet<>();

  /// @param context closed by the caller, after this
  /// @param stream takes all work
  public ScheduledAttention(CudaContext context, CudaStream stream) {
    this.context = context;
    this.stream = stream;
    plain = StepAttention.plain(context, stream);
  }

  /// Layers that are alike share a schedule.
  private record Batch(DecodeShape shape, int sequences) {}

  @Override
  public void begin() {
    scheduled.clear();
    plain.begin();
  }

  @Override
  public void attend(Heads heads, Caches caches, DeviceBlock queries, DeviceBlock to) {
    Precision type = queries.type();
    var shape =
        new DecodeShape(
            heads.row(),
            heads.count(),
            1,
            heads.window(),
            new DecodeShape.Types(type, type, to.type()));
    if (DecodePlan.of(shape, context.device()).sharedBytes()
        > context.device().sharedBytesPerBlock()) {
      plain.attend(heads, caches, queries, to);
      return;
    }
    var batch = new Batch(shape, queries.rows());
    CudaDecode decode =
        kernels.computeIfAbsent(batch, b -> new CudaDecode(context, b.shape(), b.sequences()));
    DecodeInputs inputs = inputs(caches, shape, buffer(queries), buffer(to));
    if (scheduled.add(batch)) {
      decode.schedule(stream, inputs);
    }
    decode.attend(stream, inputs, heads.scale());
  }

  private static DecodeInputs inputs(
      Caches caches, DecodeShape shape, CudaBuffer queries, CudaBuffer to) {
    long page = (long) DecodePlan.PAGE * shape.row().elements();
    long count = caches.rows().bytes() / (page * shape.types().cache().bytes());
    return new DecodeInputs(
        queries,
        new DecodeInputs.Pages(caches.rows().address(), count, page),
        new DecodeInputs.Table(caches.table(), caches.capacity()),
        caches.lengths(),
        to);
  }

  private CudaBuffer buffer(DeviceBlock block) {
    if (block.stride() != block.columns()) {
      throw new IllegalArgumentException(block + ": expected rows that follow each other");
    }
    long bytes = (long) block.rows() * block.columns() * block.type().bytes();
    return context.view(block.address(), bytes);
  }

  @Override
  public void close() {
    kernels.values().forEach(CudaDecode::close);
    plain.close();
  }
}
