/// Statistics: from logits to scores of tokens, from scores to estimates with honest bounds.
///
/// Start at {@link TokenScore}, what one pair of logit rows says. Scores of one window are kept in
/// {@link WindowScores}; a {@link ClusteredMean} averages them with the windows as clusters,
/// because tokens of one text are not independent; an {@link Estimate} adds one-sided bounds.
/// Logits are float32, everything computed from them is float64; entropies are in nats.
@NullMarked
package dev.regroup.verify.measure;

import org.jspecify.annotations.NullMarked;
