package dev.regroup.cli.plan;

import dev.regroup.converters.plan.PlannedTensor;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/// Tensors that differ in the numbers within their names alone: layers and experts.
///
/// @param pattern the name with each of its numbers as `*`
record TensorFamily(PlannedTensor.Fate fate, String pattern, Dtype dtype, Shape shape) {
  private static final Pattern NUMBER = Pattern.compile("(?<=\\.)\\d+(?=\\.)");

  /// How many tensors there are of each family and how many bytes they take, in the plan's order.
  static Map<TensorFamily, Size> of(List<PlannedTensor> tensors) {
    var families = new LinkedHashMap<TensorFamily, Size>();
    for (PlannedTensor tensor : tensors) {
      String pattern = NUMBER.matcher(tensor.info().name()).replaceAll("*");
      var family =
          new TensorFamily(tensor.fate(), pattern, tensor.info().dtype(), tensor.info().shape());
      families.merge(family, new Size(1, tensor.info().bytes()), Size::plus);
    }
    return families;
  }

  /// So many tensors of so many bytes.
  record Size(int tensors, long bytes) {
    Size plus(Size other) {
      return new Size(tensors + other.tensors, bytes + other.bytes);
    }
  }
}
