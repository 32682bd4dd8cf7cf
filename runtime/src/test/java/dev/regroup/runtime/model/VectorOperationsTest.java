package dev.regroup.runtime.model;

final class VectorOperationsTest extends OperationsContract {
  @Override
  Operations operations() {
    return Operations.fast();
  }
}
