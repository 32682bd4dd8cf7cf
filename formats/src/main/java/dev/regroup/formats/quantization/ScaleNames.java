package dev.regroup.formats.quantization;

import java.util.List;

/// How tensors that belong to a weight `X.weight` are called.
public final class ScaleNames {
  /// Behind the names of weights.
  public static final String WEIGHT = ".weight";

  /// Of a layer's input, where it is quantised with one scale for all inputs: `X.input_scale`.
  static final String INPUT = ".input_scale";

  /// Of the weight itself, the commonest first.
  static final List<String> OF_WEIGHTS = List.of(".weight_scale_inv", ".weight_scale", ".scale");

  private ScaleNames() {}

  /// The names of all tensors that may describe a weight, none where it is not called a weight.
  public static List<String> companions(String weight) {
    if (!weight.endsWith(WEIGHT)) {
      return List.of();
    }
    String module = module(weight);
    return List.of(
        module + OF_WEIGHTS.get(0),
        module + OF_WEIGHTS.get(1),
        module + OF_WEIGHTS.get(2),
        module + INPUT);
  }

  /// The module that a weight is of: `X` of `X.weight`.
  public static String module(String weight) {
    return weight.substring(0, weight.length() - WEIGHT.length());
  }

  /// Whether a name is one that only scales have.
  static boolean isScale(String name) {
    return name.endsWith(OF_WEIGHTS.get(0))
        || name.endsWith(OF_WEIGHTS.get(1))
        || name.endsWith(INPUT);
  }
}
