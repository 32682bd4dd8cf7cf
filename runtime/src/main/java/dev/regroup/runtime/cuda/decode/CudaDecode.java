package dev.regroup.runtime.cuda.decode;

import dev.regroup.runtime.cuda.CudaBuffer;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.CudaKernel;
import dev.regroup.runtime.cuda.CudaKernel.Extent;
import dev.regroup.runtime.cuda.CudaKernel.Launch;
import dev.regroup.runtime.cuda.CudaStream;
import dev.regroup.runtime.cuda.TensorMap;
import org.jspecify.annotations.Nullable;

/// Decode attention of a batch on a device: one layer a call.
///
/// First {@link #schedule(int[])} or, inside a captured graph, {@link #schedule(CudaStream,
/// DecodeInputs)}, once for all layers of a step; then {@link #attend}, once a layer. Holds scratch
/// memory for one batch, so calls must follow each other on one stream. Not safe for use by several
/// threads at once.
public final class CudaDecode implements AutoCloseable {
  private final DecodeShape shape;
  private final DecodePlan plan;
  private final int batch;
  private final CudaKernel kernel;
  private final CudaKernel combine;
  private final CudaKernel scheduler;
  private final CudaBuffer partial;
  private final CudaBuffer partialLog;
  private final CudaBuffer arrivals;
  private final CudaBuffer schedule;
  private int parts;
  private boolean combines;
  private DecodeInputs.@Nullable Pages mapped;
  private byte[] map = new byte[0];

  /// @param context closed by the caller, after this
  /// @param batch sequences
  public CudaDecode(CudaContext context, DecodeShape shape, int batch) {
    this.shape = shape;
    this.batch = batch;
    plan = DecodePlan.of(shape, context.device());
    kernel = context.module(plan.module()).kernel(plan.kernel()).allowShared(plan.sharedBytes());
    combine = context.module("decode_combine").kernel("decode_combine");
    scheduler = context.module("decode_combine").kernel("decode_schedule");
    parts = plan.mostParts();
    int slots = batch + parts;
    partial = context.allocate(4L * slots * shape.outputElements());
    partialLog = context.allocate(4L * slots * shape.queryLength() * shape.queryHeads());
    arrivals = context.allocate(4L * batch * plan.columns()).fill(0);
    schedule = context.allocate(4L * DecodeSchedule.size(batch, parts));
  }

  /// The kernel in use and its tiles.
  public DecodePlan plan() {
    return plan;
  }

  /// Deals out the pages of sequences of these lengths; waits until that is known on the device.
  ///
  /// @param lengths `[batch]`, as they are on the device when {@link #attend} runs
  public DecodeSchedule schedule(int[] lengths) {
    if (lengths.length != batch) {
      throw new IllegalArgumentException(
          "decode: expected %d lengths, found %d".formatted(batch, lengths.length));
    }
    DecodeSchedule made = DecodeSchedule.of(lengths, shape, plan.mostParts());
    parts = made.parts();
    combines = made.mostPieces() > DecodeSchedule.FUSED_SLOTS;
    schedule.upload(made.words());
    return made;
  }

  /// Starts dealing out the pages of sequences whose lengths only the device knows.
  public void schedule(CudaStream stream, DecodeInputs inputs) {
    parts = plan.mostParts();
    combines = true;
    scheduler.launch(stream, Launch.of(1, 32), arguments(inputs, 1), DecodeSchedule.OVERHEAD);
  }

  /// Starts attention of every sequence's new tokens over its cache.
  ///
  /// @param scale the factor on `q·k` before the softmax
  public void attend(CudaStream stream, DecodeInputs inputs, double scale) {
    byte[] arguments = arguments(inputs, scale);
    Launch launch =
        new Launch(
            Extent.of((long) plan.columns() * parts),
            Extent.of(plan.threads()),
            plan.sharedBytes());
    if (plan.boxTokens() == 0) {
      kernel.launch(stream, launch, arguments);
    } else {
      kernel.launch(stream, launch, arguments, map(inputs.pages()));
    }
    if (combines) {
      long rows = (long) batch * shape.queryLength() * shape.queryHeads();
      combine.launch(stream, Launch.of(rows, 128), arguments);
    }
  }

  private byte[] map(DecodeInputs.Pages pages) {
    if (!pages.equals(mapped)) {
      map =
          new TensorMap.Pages(
                  pages.address(),
                  shape.row().elements(),
                  DecodePlan.PAGE,
                  pages.count(),
                  pages.stride())
              .encode(plan.boxLines(), plan.boxTokens());
      mapped = pages;
    }
    return map;
  }

  private byte[] arguments(DecodeInputs inputs, double scale) {
    var scratch =
        new DecodeArguments.Scratch(
            partial.address(), partialLog.address(), arrivals.address(), schedule.address());
    return new DecodeArguments(shape, plan, batch, scratch).pack(inputs, parts, scale);
  }

  @Override
  public void close() {
    schedule.close();
    arrivals.close();
    partialLog.close();
    partial.close();
  }
}
