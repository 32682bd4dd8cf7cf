/// Runs checkpoints: forward, decode and the linear algebra below them.
@NullMarked
package dev.regroup.runtime;

import org.jspecify.annotations.NullMarked;
