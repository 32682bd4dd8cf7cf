package dev.regroup.runtime.cuda.decode;

import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.cuda.CudaStream;
import dev.regroup.runtime.cuda.DeviceBlock;
import dev.regroup.runtime.cuda.Precision;
import dev.regroup.runtime.cuda.StepAttention;

/// {@link StepAttention} by whatever takes less time.
///
/// The plain kernel starts at once, but reads a state anew for every query head and has no tensor
/// cores: on Hopper it does about 10 G multiplications and additions a second on each multiprocessor,
/// whatever the layout (bench/decode-loop.md). Decode kernels read a state once, after pages have been
/// dealt out and before pieces are merged, which takes tens of microseconds a step. They pay where the
/// plain kernel would take longer than that, if there are some made for the shape: {@link
/// DecodePlan#isSpecial}.
public final class FasterAttention implements StepAttention {
  /// Multiplications of a layer, for each multiprocessor, from which on decode kernels are faster:
  /// about 20 µs of the plain kernel. At half of that the two were equal.
  private static final long WORTHWHILE = 200_000;

  private final CudaDevice device;
  private final StepAttention plain;
  private final StepAttention scheduled;

  /// @param context closed by the caller, after this
  /// @param stream takes all work
  public FasterAttention(CudaContext context, CudaStream stream) {
    device = context.device();
    plain = StepAttention.plain(context, stream);
    scheduled = new ScheduledAttention(context, stream);
  }

  @Override
  public void begin() {
    plain.begin();
    scheduled.begin();
  }

  @Override
  public void attend(Heads heads, Caches caches, DeviceBlock queries, DeviceBlock to) {
    Precision type = queries.type();
    var types = new DecodeShape.Types(type, type, to.type());
    var shape = new DecodeShape(heads.row(), heads.count(), 1, heads.window(), types);
    boolean pays = pays(shape, queries.rows(), caches.capacity(), device);
    (pays ? scheduled : plain).attend(heads, caches, queries, to);
  }

  /// Whether decode kernels are faster.
  ///
  /// @param capacity pages that a sequence may have: a captured step is right until they are full
  static boolean pays(DecodeShape shape, int sequences, int capacity, CudaDevice device) {
    long tokens = (long) capacity * DecodePlan.PAGE;
    long seen = shape.window() == 0 ? tokens : Math.min(tokens, shape.window());
    long each = (long) shape.queryHeads() * (shape.row().queryDim() + shape.row().value().width());
    return !StepAttention.plainTakes(shape.row())
        || (DecodePlan.of(shape, device).isSpecial()
            && sequences * seen * each >= WORTHWHILE * device.multiprocessors());
  }

  @Override
  public void close() {
    scheduled.close();
    plain.close();
  }
}
