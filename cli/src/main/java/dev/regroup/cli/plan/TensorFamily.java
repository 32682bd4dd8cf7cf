package dev.regroup.cli.plan;

import dev.regroup.converters.plan.PlannedTensor;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Tensors that differ in the numbers within their names alone: layers and experts.
///
/// @param pattern the name with each of its numbers as `*`
record TensorFamily(PlannedTensor.Fate fate, String pattern, Dtype dtype, Shape shape) {
  /// How many tensors there are of each family and how many bytes they take, in the plan's order.
  static Map<TensorFamily, Size> of(List<PlannedTensor> tensors) {
    var families = new LinkedHashMap<TensorFamily, Size>();
    for (PlannedTensor tensor : tensors) {
      String pattern = pattern(tensor.info().name());
      var family =
          new TensorFamily(tensor.fate(), pattern, tensor.info().dtype(), tensor.info().shape());
      families.merge(family, new Size(1, tensor.info().bytes()), Size::plus);
    }
    return families;
  }

  /// The name with `*` for each part between dots that is a number; large models have 100,000 names.
  private static String pattern(String name) {
    var pattern = new StringBuilder(name.length());
    int from = 0;
    for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', from)) {
      if (from > 0 && isNumber(name, from, dot)) {
        pattern.append('*');
      } else {
        pattern.append(name, from, dot);
      }
      pattern.append('.');
      from = dot + 1;
    }
    return pattern.append(name, from, name.length()).toString();
  }

  private static boolean isNumber(String name, int from, int to) {
    for (int i = from; i < to; i++) {
      if (name.charAt(i) < '0' || name.charAt(i) > '9') {
        return false;
      }
    }
    return to > from;
  }

  /// So many tensors of so many bytes.
  record Size(int tensors, long bytes) {
    Size plus(Size other) {
      return new Size(tensors + other.tensors, bytes + other.bytes);
    }
  }
}
