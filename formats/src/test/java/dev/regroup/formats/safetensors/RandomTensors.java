package dev.regroup.formats.safetensors;

import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/// Tensors drawn from a seed: empty ones, scalars, odd sizes, awkward names.
final class RandomTensors {
  private static final String[] PIECES = {
    "model",
    ".",
    "layers",
    "0",
    "weight",
    "\"",
    "\\",
    "/",
    "é",
    "😀",
    "\u0001",
    " ",
    "__metadata__x"
  };

  private RandomTensors() {}

  /// Up to 20 tensors of these dtypes, each ending on a byte.
  static List<TensorInfo> infos(Random random, Dtype... dtypes) {
    List<TensorInfo> all = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (int i = random.nextInt(20); i >= 0; i--) {
      Dtype dtype = dtypes[random.nextInt(dtypes.length)];
      String name = name(random);
      if (names.add(name)) {
        all.add(new TensorInfo(name, dtype, shape(random, dtype)));
      }
    }
    return all;
  }

  static String name(Random random) {
    StringBuilder name = new StringBuilder();
    for (int i = random.nextInt(6); i >= 0; i--) {
      name.append(PIECES[random.nextInt(PIECES.length)]);
    }
    return name.toString();
  }

  private static Shape shape(Random random, Dtype dtype) {
    if (dtype.bits() < 8) {
      return Shape.of(random.nextInt(3), 4);
    }
    long[] extents = new long[random.nextInt(4)];
    for (int i = 0; i < extents.length; i++) {
      extents[i] = random.nextInt(8) == 0 ? 0 : 1 + random.nextInt(9);
    }
    return Shape.of(extents);
  }
}
