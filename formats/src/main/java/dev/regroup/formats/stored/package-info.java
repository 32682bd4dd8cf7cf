/// Checkpoints as they are stored: which files of a directory or archive are weights, in which format,
/// and one {@link dev.regroup.formats.checkpoint.Checkpoint} over all of them.
@NullMarked
package dev.regroup.formats.stored;

import org.jspecify.annotations.NullMarked;
