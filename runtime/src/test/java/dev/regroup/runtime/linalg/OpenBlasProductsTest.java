package dev.regroup.runtime.linalg;

final class OpenBlasProductsTest extends ProductsContract {
  @Override
  Products products() {
    return Products.fast();
  }
}
