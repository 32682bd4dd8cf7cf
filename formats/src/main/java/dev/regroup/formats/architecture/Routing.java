package dev.regroup.formats.architecture;

/// How a router chooses experts and weighs them.
///
/// | field | DeepSeek-V2 | DeepSeek-V3 |
/// |---|---|---|
/// | scores | softmax over experts | sigmoid |
/// | choice by | score; group score is its largest | score + correction bias; group score is the sum of its two largest |
/// | weights | the scores, times `scale` | the scores, normalised, times `scale` |
///
/// @param expertsPerToken `num_experts_per_tok`
/// @param groups `n_group`; 1 where choice is not limited to groups
/// @param groupsPerToken `topk_group`
/// @param sigmoid whether scores are sigmoids, else a softmax
/// @param correctionBias whether `e_score_correction_bias` is added for the choice (not the weight)
/// @param normalise whether the chosen weights are divided by their sum
/// @param scale `routed_scaling_factor`
public record Routing(
    int expertsPerToken,
    int groups,
    int groupsPerToken,
    boolean sigmoid,
    boolean correctionBias,
    boolean normalise,
    double scale) {}
