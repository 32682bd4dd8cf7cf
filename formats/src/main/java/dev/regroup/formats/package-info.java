/// Nouns: checkpoints, what they mean, and how they are written. Start at {@link Checkpoints}.
@NullMarked
package dev.regroup.formats;

import org.jspecify.annotations.NullMarked;
