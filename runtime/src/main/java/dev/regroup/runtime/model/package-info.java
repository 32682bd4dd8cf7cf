/// The transformer: embeds, normalises, projects, attends, feeds forward; one sequence at a time.
///
/// Start at {@link Transformer}. Activations are `float[]`, row-major, a row a token. Weights are
/// read layer by layer and live as long as the {@link DecoderLayer} that holds them. Results do not
/// depend on the number of threads: parallelism is over sequences, never inside a sum.
@NullMarked
package dev.regroup.runtime.model;

import org.jspecify.annotations.NullMarked;
