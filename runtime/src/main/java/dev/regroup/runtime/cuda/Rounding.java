package dev.regroup.runtime.cuda;

import dev.regroup.runtime.cuda.CudaKernel.Launch;

/// Float32 elements rounded to BF16, and back, on one stream.
///
/// @param stream whose work elements wait for
record Rounding(CudaContext context, CudaStream stream) {
  private static final int THREADS = 256;

  /// Elements of a thread.
  private static final int EACH = 8;

  CudaBuffer floats(long length) {
    return context.allocate(Float.BYTES * length);
  }

  CudaBuffer halves(long length) {
    return context.allocate(Short.BYTES * length);
  }

  /// To the nearest, ties to even.
  void round(CudaBuffer from, CudaBuffer to, long length) {
    launch("fit_round", from, to, length);
  }

  void widen(CudaBuffer from, CudaBuffer to, long length) {
    launch("fit_widen", from, to, length);
  }

  private void launch(String kernel, CudaBuffer from, CudaBuffer to, long length) {
    long blocks = Math.ceilDiv(length, (long) THREADS * EACH);
    context
        .module("fit_bf16")
        .kernel(kernel)
        .launch(stream, Launch.of(blocks, THREADS), from, to, length);
  }
}
