package dev.regroup.formats.quantization;

import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.TensorInfo;
import java.util.List;
import java.util.regex.Pattern;

/// Which modules a config says are quantised. Whoever reads a checkpoint makes layers of that kind by
/// it, before seeing a tensor: so the files must hold what it says.
final class QuantizedModules {
  /// What every reader takes for a linear layer: the projections of a decoder layer. Embeddings,
  /// heads and routers are linear to some readers and not to others.
  private static final Pattern PROJECTION =
      Pattern.compile("model\\.layers\\.\\d+\\.(self_attn|mlp)\\..*_proj(_with_mqa)?");

  /// The target of compressed-tensors that means every linear layer.
  private static final String LINEAR = "Linear";

  private final Quantization quantization;

  QuantizedModules(Quantization quantization) {
    this.quantization = quantization;
  }

  /// Whether the config's list of modules that are not quantised names one.
  boolean isIgnored(String module) {
    return quantization.ignored().stream().anyMatch(name -> names(name, module));
  }

  /// Whether a tensor is the weight of a module that the config says is quantised, and is not.
  boolean isMissing(TensorInfo tensor) {
    if (tensor.shape().rank() != 2
        || !isFloat(tensor.dtype())
        || !tensor.name().endsWith(ScaleNames.WEIGHT)) {
      return false;
    }
    String module = ScaleNames.module(tensor.name());
    return PROJECTION.matcher(module).matches() && isTarget(module) && !isLooselyIgnored(module);
  }

  private boolean isTarget(String module) {
    List<String> targets = quantization.targets();
    return targets.isEmpty()
        || targets.contains(LINEAR)
        || targets.stream().anyMatch(name -> names(name, module));
  }

  /// As the most generous reader understands the list: a name stands for what it ends and for what
  /// is in it, too.
  private boolean isLooselyIgnored(String module) {
    return isIgnored(module)
        || quantization.ignored().stream()
            .anyMatch(name -> module.endsWith("." + name) || module.startsWith(name + "."));
  }

  private static boolean names(String name, String module) {
    return name.startsWith("re:")
        ? Pattern.compile(name.substring(3)).matcher(module).lookingAt()
        : name.equals(module);
  }

  private static boolean isFloat(Dtype dtype) {
    return dtype == Dtype.F32 || dtype == Dtype.BF16 || dtype == Dtype.F16;
  }
}
