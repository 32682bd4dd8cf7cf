package dev.regroup.runtime.device;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.cuda.CudaBackend;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.CudaDecodeKernel;
import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.cuda.CudaGenerator;
import dev.regroup.runtime.cuda.Precision;
import dev.regroup.runtime.cuda.decode.FasterAttention;
import dev.regroup.runtime.decode.DecodeKernel;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/// An NVIDIA GPU in float32: as accurate as the CPU.
public final class CudaRunner implements Device {
  private final CudaContext context;
  private final CudaBackend backend;
  private final CudaDecodeKernel kernel;
  private final String reason;

  private CudaRunner(CudaContext context, String reason) {
    this.context = context;
    this.reason = reason;
    backend = new CudaBackend(context, Precision.FLOAT32);
    kernel = new CudaDecodeKernel(context);
  }

  static CudaRunner open(CudaDevice device, OptionalLong memoryLimit, String reason) {
    CudaContext context = CudaContext.open(device, memoryLimit);
    try {
      return new CudaRunner(context, reason);
    } catch (RuntimeException e) {
      context.close();
      throw e;
    }
  }

  /// The device in use.
  public CudaContext context() {
    return context;
  }

  @Override
  public CudaBackend backend() {
    return backend;
  }

  @Override
  public DecodeKernel decodeKernel() {
    return kernel;
  }

  /// Two layers in float32, as much again for intermediate results, and a quarter of all for more.
  @Override
  public boolean readsAhead(ModelSpec model) {
    long largest = 0;
    for (int i = 0; i < model.layers().size(); i++) {
      long elements =
          model.layers().get(i).tensors(i, model.hiddenSize()).values().stream()
              .mapToLong(Shape::elements)
              .sum();
      largest = Math.max(largest, elements);
    }
    return 4 * 4 * largest <= context.availableBytes();
  }

  @Override
  public boolean readsIntoHeap() {
    return false;
  }

  /// Three quarters of what is left: intermediate results need room too.
  @Override
  public long modelBytes() {
    return context.availableBytes() / 4 * 3;
  }

  @Override
  public OptionalDouble decodeSpeed(ModelSpec model, Tensors weights, int sequences, int tokens) {
    if (CudaGenerator.bytes(model, sequences, tokens) > modelBytes()) {
      return OptionalDouble.empty();
    }
    try (var fast = new CudaBackend(context, Precision.BFLOAT16);
        var generator =
            new CudaGenerator(fast, FasterAttention::new, model, weights, sequences, tokens)) {
      return OptionalDouble.of(generator.tokensPerSecond());
    }
  }

  @Override
  public DeviceSummary summary() {
    CudaDevice device = context.device();
    return new DeviceSummary(
        "cuda",
        device.name(),
        reason,
        "CUDA driver %s, %s".formatted(device.driver(), backend.products()),
        OptionalLong.of(context.peakBytes()));
  }

  @Override
  public void close() {
    try {
      kernel.close();
      backend.close();
    } finally {
      context.close();
    }
  }
}
