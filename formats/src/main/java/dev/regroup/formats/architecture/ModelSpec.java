package dev.regroup.formats.architecture;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.tensor.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What a checkpoint's config means: every layer, and so every tensor's name and shape.
///
/// @param architecture the name of the {@link Architecture} that described it, such as `llama`
/// @param hiddenSize D, `hidden_size`
/// @param vocabularySize `vocab_size`
/// @param layers in order
/// @param normEpsilon `rms_norm_eps`, added to the mean square of every RMS norm but those over
///   latents, to which DeepSeek's code adds 1e-6 whatever the config says
/// @param tiedEmbeddings whether the output head is the input embedding
/// @param maxPositions `max_position_embeddings`, tokens
/// @param extraLayers layers after the last that other tools use (multi-token prediction,
///   `num_nextn_predict_layers`); their tensors pass through unchanged
public record ModelSpec(
    String architecture,
    int hiddenSize,
    int vocabularySize,
    List<LayerSpec> layers,
    double normEpsilon,
    boolean tiedEmbeddings,
    int maxPositions,
    int extraLayers) {
  /// The input embedding, `[vocabulary, D]`.
  public static final String EMBEDDING = "model.embed_tokens.weight";

  /// The norm before the output head, `[D]`.
  public static final String FINAL_NORM = "model.norm.weight";

  /// The output head, `[vocabulary, D]`; absent where embeddings are tied.
  public static final String HEAD = "lm_head.weight";

  public ModelSpec {
    layers = List.copyOf(layers);
  }

  /// Every tensor the model reads, in the order of the forward pass.
  public Map<String, Shape> tensors() {
    var tensors = new LinkedHashMap<String, Shape>();
    tensors.put(EMBEDDING, Shape.of(vocabularySize, hiddenSize));
    for (int i = 0; i < layers.size(); i++) {
      tensors.putAll(layers.get(i).tensors(i, hiddenSize));
    }
    tensors.put(FINAL_NORM, Shape.of(hiddenSize));
    if (!tiedEmbeddings) {
      tensors.put(HEAD, Shape.of(vocabularySize, hiddenSize));
    }
    return tensors;
  }

  /// The tensor that the output head multiplies by: its own, or the input embedding.
  public String headTensor() {
    return tiedEmbeddings ? EMBEDDING : HEAD;
  }

  /// Elements cached per token by all layers together.
  public long cacheElements() {
    return layers.stream()
        .mapToLong(layer -> layer.attention().layout().cacheRow().elements())
        .sum();
  }

  /// The same model with other attention sublayers.
  ///
  /// @param architecture the name of the architecture that describes the result
  /// @param attention one for each layer
  public ModelSpec withAttention(String architecture, List<AttentionSpec> attention) {
    if (attention.size() != layers.size()) {
      throw new IllegalArgumentException(
          "expected %d attention sublayers, found %d".formatted(layers.size(), attention.size()));
    }
    var changed = new ArrayList<LayerSpec>();
    for (int i = 0; i < layers.size(); i++) {
      changed.add(new LayerSpec(attention.get(i), layers.get(i).feedForward()));
    }
    return new ModelSpec(
        architecture,
        hiddenSize,
        vocabularySize,
        changed,
        normEpsilon,
        tiedEmbeddings,
        maxPositions,
        extraLayers);
  }
}
