package dev.regroup.runtime.model;

final class ScalarOperationsTest extends OperationsContract {
  @Override
  Operations operations() {
    return Operations.scalar();
  }
}
