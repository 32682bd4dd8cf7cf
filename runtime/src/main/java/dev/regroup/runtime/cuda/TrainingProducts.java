package dev.regroup.runtime.cuda;

import dev.regroup.runtime.cuda.CudaKernel.Extent;
import dev.regroup.runtime.cuda.CudaKernel.Launch;
import dev.regroup.runtime.train.Panel;
import dev.regroup.runtime.train.Product;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// {@link Product}s by `fit.cu`. Tiles and splits follow from shapes and the device alone, and so does
/// the order of sums.
final class TrainingProducts {
  private static final int THREADS = 256;

  /// A share of a product's depth is no shorter.
  private static final int SHORTEST = 128;

  private static final int MOST_BLOCKS = 65535;

  private final CudaMath math;
  private final CudaModule module;
  private final int multiprocessors;

  TrainingProducts(CudaMath math, CudaModule module) {
    this.math = math;
    this.module = module;
    multiprocessors = math.context().device().multiprocessors();
  }

  /// A kernel's name for the tile of C that one of its blocks makes.
  private record Tile(String name, int rows, int columns) {
    static final Tile LARGE = new Tile("large", 128, 128);
    static final Tile MEDIUM = new Tile("medium", 64, 64);
    static final Tile NARROW = new Tile("narrow", 128, 32);

    long blocks(Product product) {
      Product.Batch batch = product.batch();
      return (long) Math.ceilDiv(product.sizes().rows(), rows)
          * Math.ceilDiv(product.sizes().columns(), columns)
          * batch.outer()
          * batch.inner();
    }
  }

  void multiply(Product product) {
    Product.Sizes sizes = product.sizes();
    long members = (long) product.batch().outer() * product.batch().inner();
    if (sizes.rows() == 0 || sizes.columns() == 0 || members == 0) {
      return;
    }
    Tile tile = tile(product);
    int splits = splits(product, tile, members);
    long shares =
        splits == 1
            ? 0
            : math.scratch()
                .get(
                    "shares",
                    (long) Float.BYTES * members * splits * sizes.rows() * sizes.columns())
                .address();
    byte[] arguments = arguments(product, shares, splits);
    var grid =
        new Extent(
            Math.ceilDiv(sizes.columns(), tile.columns()),
            Math.ceilDiv(sizes.rows(), tile.rows()),
            Math.toIntExact(members * splits));
    module
        .kernel("fit_" + tile.name() + "_" + form(product))
        .launch(math.stream(), new Launch(grid, Extent.of(THREADS), 0), (Object) arguments);
    if (splits > 1) {
      long count = members * sizes.rows() * sizes.columns();
      module
          .kernel("fit_reduce")
          .launch(
              math.stream(),
              Launch.of(Math.ceilDiv(count, (long) THREADS), THREADS),
              arguments,
              count);
    }
  }

  private Tile tile(Product product) {
    if (product.sizes().columns() <= 32) {
      return Tile.NARROW;
    }
    return Tile.LARGE.blocks(product) >= multiprocessors && product.sizes().columns() > 64
        ? Tile.LARGE
        : Tile.MEDIUM;
  }

  /// Parts of the depth that are worked on at once, where there are few tiles.
  private int splits(Product product, Tile tile, long members) {
    if (product.triangle() != Product.Triangle.NONE) {
      return 1;
    }
    long wanted = 2L * multiprocessors / tile.blocks(product);
    long most = Math.min(product.sizes().depth() / SHORTEST, MOST_BLOCKS / members);
    return (int) Math.max(1, Math.min(wanted, most));
  }

  private static String form(Product product) {
    return switch (product.form()) {
      case PLAIN -> "nn";
      case RIGHT_TRANSPOSED -> "nt";
      case LEFT_TRANSPOSED -> "tn";
    };
  }

  /// The twin of `Product` in `fit.cu`.
  private static byte[] arguments(Product product, long shares, int splits) {
    ByteBuffer bytes = ByteBuffer.allocate(136).order(ByteOrder.LITTLE_ENDIAN);
    Product.Factors factors = product.factors();
    put(bytes, factors.a(), CudaMemory.of(factors.a().memory()).floats());
    put(bytes, factors.b(), CudaMemory.of(factors.b().memory()).floats());
    put(bytes, factors.c(), CudaMemory.of(factors.c().memory()).changed());
    return bytes
        .putLong(shares)
        .putInt(product.sizes().rows())
        .putInt(product.sizes().columns())
        .putInt(product.sizes().depth())
        .putInt(product.batch().inner())
        .putInt(
            switch (product.triangle()) {
              case NONE -> 0;
              case RESULT -> 1;
              case LEFT -> 2;
            })
        .putInt(product.add() ? 1 : 0)
        .putInt(splits)
        .putFloat(product.alpha())
        .array();
  }

  private static void put(ByteBuffer bytes, Panel panel, CudaBuffer elements) {
    bytes
        .putLong(elements.address() + Float.BYTES * panel.offset())
        .putLong(panel.outer())
        .putLong(panel.inner())
        .putInt(panel.stride())
        .putInt(panel.share());
  }
}
