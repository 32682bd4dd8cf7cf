package dev.regroup.runtime.cuda;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

final class CublasGemmTest extends GemmContract {
  @Override
  Gemm gemm(CudaContext context) {
    assumeTrue(Cublas.find().isPresent(), "neither cuBLAS 13 nor 12 is installed");
    return new CublasGemm(context, Cublas.find().orElseThrow());
  }
}
