/// What training a layer is made of, on whatever memory computes it.
///
/// {@link dev.regroup.runtime.train.TrainingMath} is the list of operations; {@link
/// dev.regroup.runtime.train.ScalarTrainingMath} defines them with plain loops, and the CUDA backend has
/// a twin that one contract test holds to it.
@NullMarked
package dev.regroup.runtime.train;

import org.jspecify.annotations.NullMarked;
