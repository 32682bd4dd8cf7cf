/// Quantised weights and their scales: what a config says of them, which scale belongs to which weight,
/// true values from codes and codes from values.
///
/// | convention | weight `X.weight` | scale | value |
/// |---|---|---|---|
/// | DeepSeek-V3, `weight_block_size` | F8_E4M3 `[out, in]` | `X.weight_scale_inv` `[⌈out/128⌉, ⌈in/128⌉]` | code · scale |
/// | AutoFP8, vLLM `fp8` | F8_E4M3 | `X.weight_scale` `[]` or `[1]` | code · scale |
/// | compressed-tensors `float-quantized` | F8_E4M3 | `X.weight_scale`: one, `[out, 1]`, or by blocks | code · scale |
///
/// Despite its name, `weight_scale_inv` multiplies. Scales are F32, BF16, F16, or powers of two in
/// F8_E8M0. Start at {@link dev.regroup.formats.quantization.ScaledWeights}.
@NullMarked
package dev.regroup.formats.quantization;

import org.jspecify.annotations.NullMarked;
