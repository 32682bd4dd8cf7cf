package dev.regroup.runtime.decode;

final class ScalarDecodeKernelTest extends DecodeKernelContract {
  @Override
  DecodeKernel kernel() {
    return new ScalarDecodeKernel();
  }
}
