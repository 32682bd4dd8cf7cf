/// The safetensors format, read strictly and written in its strictest common subset.
///
/// A file is an unsigned 64-bit length N, a JSON header of N bytes, and the tensors' bytes end to
/// end; {@link SafetensorsHeader} holds the rules. A model of several files has an index, which
/// {@link ShardIndex} reads. {@link SafetensorsCheckpoint} opens files and directories; {@link
/// ShardPlan} and {@link SafetensorsWriter} write them.
///
/// Source: safetensors at 24b0b28, `tensor.rs` and README.
@NullMarked
package dev.regroup.formats.safetensors;

import org.jspecify.annotations.NullMarked;
