/// Decode attention on a GPU: many sequences at once, over a cache of pages on the device.
///
/// {@link dev.regroup.runtime.cuda.decode.DecodeShape} says what is to be computed, {@link
/// dev.regroup.runtime.cuda.decode.DecodePlan} which of the kernels in `runtime/src/main/cuda`
/// computes it on a given chip and how it is spread, {@link
/// dev.regroup.runtime.cuda.decode.DecodeSchedule} which block reads which pages; these three need
/// no GPU. {@link dev.regroup.runtime.cuda.decode.CudaDecode} launches.
@NullMarked
package dev.regroup.runtime.cuda.decode;

import org.jspecify.annotations.NullMarked;
