package dev.regroup.runtime.decode;

final class VectorDecodeKernelTest extends DecodeKernelContract {
  @Override
  DecodeKernel kernel() {
    return new VectorDecodeKernel();
  }
}
