package dev.regroup.runtime.linalg;

final class ScalarProductsTest extends ProductsContract {
  @Override
  Products products() {
    return new ScalarProducts();
  }
}
