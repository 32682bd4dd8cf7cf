package dev.regroup.verify.compare;

import dev.regroup.formats.architecture.ModelSpec;
import java.util.Set;

/// A model that runs in lock step with the source.
///
/// @param windows how many of the windows it reads, from the first
/// @param identical tensors known to be the source's, byte for byte: where those of a layer's
///     feed-forward sublayer are among them, the source's are used and nothing is read again
public record Contender(Subject subject, int windows, Set<String> identical) {
  public Contender {
    identical = Set.copyOf(identical);
  }

  /// A model of which nothing is known.
  public Contender(Subject subject, int windows) {
    this(subject, windows, Set.of());
  }

  boolean sharesFeedForward(int layer) {
    ModelSpec spec = subject.spec();
    String prefix = "model.layers." + layer + ".mlp.";
    return spec.layers().get(layer).feedForward().tensors(spec.hiddenSize()).keySet().stream()
        .allMatch(name -> identical.contains(prefix + name));
  }
}
