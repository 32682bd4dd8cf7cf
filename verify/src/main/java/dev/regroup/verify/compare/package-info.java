/// Comparing two models: tensor by tensor, layer by layer in lock step, token by token.
///
/// Start at {@link LockStep}: the source and any number of contenders (the target, and the
/// controls) read the same windows, one layer of one model in memory at a time. {@link TensorLevel}
/// reads bytes and runs nothing; {@link DecodeLevel} holds a model against itself; {@link
/// PlantedFault} breaks a target on purpose. All of it works on a {@link Subject}, which needs no
/// files.
@NullMarked
package dev.regroup.verify.compare;

import org.jspecify.annotations.NullMarked;
