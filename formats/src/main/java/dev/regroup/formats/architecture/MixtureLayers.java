package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.ModelConfig;

/// Which of DeepSeek's layers are mixtures of experts, and how large: from `first_k_dense_replace`
/// on, every `moe_layer_freq`-th; none where `n_routed_experts` is null.
///
/// @param firstMixture `first_k_dense_replace`
/// @param every `moe_layer_freq`; transformers does not read it, DeepSeek's own code does, and the
///   checkpoint's tensors show which it is
record MixtureLayers(int firstMixture, int every, FeedForward dense, FeedForward mixture) {
  /// Reads the layers.
  ///
  /// @param routing how experts are chosen; asked only where there are any
  static MixtureLayers read(CommonFields common, Router routing) {
    ModelConfig config = common.config();
    FeedForward dense = common.dense(false);
    if (!config.has("n_routed_experts")) {
      return new MixtureLayers(common.layers(), 1, dense, dense);
    }
    int every = config.integer("moe_layer_freq", 1);
    if (every < 1) {
      throw config.wrong("moe_layer_freq", "expected at least 1, found " + every);
    }
    int experts = CommonFields.positive(config, "n_routed_experts");
    var mixture =
        new FeedForward.Mixture(
            experts,
            CommonFields.positive(config, "moe_intermediate_size"),
            config.integer("n_shared_experts", 0),
            checked(config, experts, routing.read(config)));
    return new MixtureLayers(config.integer("first_k_dense_replace", 0), every, dense, mixture);
  }

  /// The feed-forward sublayer of one layer.
  FeedForward at(int layer) {
    return layer >= firstMixture && layer % every == 0 ? mixture : dense;
  }

  private static Routing checked(ModelConfig config, int experts, Routing routing) {
    if (routing.groups() < 1 || experts % routing.groups() != 0) {
      throw config.wrong(
          "n_group",
          "expected a divisor of \"n_routed_experts\" = %d, found %d"
              .formatted(experts, routing.groups()));
    }
    if (routing.groupsPerToken() < 1 || routing.groupsPerToken() > routing.groups()) {
      throw config.wrong(
          "topk_group",
          "expected 1 to \"n_group\" = %d, found %d"
              .formatted(routing.groups(), routing.groupsPerToken()));
    }
    int reachable = experts / routing.groups() * routing.groupsPerToken();
    if (routing.expertsPerToken() > reachable) {
      throw config.wrong(
          "num_experts_per_tok",
          "expected at most %d, the experts of the chosen groups, found %d"
              .formatted(reachable, routing.expertsPerToken()));
    }
    return routing;
  }

  /// Reads how experts are chosen.
  interface Router {
    /// The routing a config asks for.
    Routing read(ModelConfig config);
  }
}
