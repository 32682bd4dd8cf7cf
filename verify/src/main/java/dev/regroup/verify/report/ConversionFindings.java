package dev.regroup.verify.report;

import java.util.List;

/// What a conversion wrote down beside its target; not measured by the verification.
///
/// @param fitted layers that were fitted
/// @param requantized tensors that were quantised anew
public record ConversionFindings(List<ConvertedLayer> fitted, List<RequantizedTensor> requantized) {
  /// A conversion that left no record, or a model that is none's.
  public static final ConversionFindings NONE = new ConversionFindings(List.of(), List.of());

  public ConversionFindings {
    fitted = List.copyOf(fitted);
    requantized = List.copyOf(requantized);
  }
}
