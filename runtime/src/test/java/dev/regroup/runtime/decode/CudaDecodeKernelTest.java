package dev.regroup.runtime.decode;

import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.CudaDecodeKernel;
import dev.regroup.runtime.cuda.Gpu;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

@SuppressWarnings("NullAway.Init") // JUnit sets the fields
final class CudaDecodeKernelTest extends DecodeKernelContract {
  private CudaContext context;
  private CudaDecodeKernel kernel;

  @BeforeEach
  void open() {
    context = Gpu.open();
    kernel = new CudaDecodeKernel(context);
  }

  @AfterEach
  void close() {
    if (context != null) {
      kernel.close();
      context.close();
    }
  }

  @Override
  DecodeKernel kernel() {
    return kernel;
  }
}
