package dev.regroup.runtime.cuda;

final class KernelGemmTest extends GemmContract {
  @Override
  Gemm gemm(CudaContext context) {
    return Gemm.own(context);
  }
}
