/// Attention layouts: how queries, keys and values come from hidden states, and what is cached.
///
/// Start at {@link AttentionSpec}: an {@link AttentionLayout} says what a layer caches and which part
/// of it is key and which value, a {@link QueryPath} and a {@link StatePath} say which projections
/// lead there. Letters: D hidden size, H query heads, G kv heads, n latent heads, d head dim,
/// d_n / d_r unrotated and rotated part, d_v value dim, d_c latent dim, r source MLA rank; always in
/// elements. Weights are `[out, in]`, row-major, as Hugging Face stores `nn.Linear`. This package
/// reads no file and multiplies nothing: it only knows shapes.
@NullMarked
package dev.regroup.formats.attention;

import org.jspecify.annotations.NullMarked;
