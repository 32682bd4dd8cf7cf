/// Holds the NVIDIA twins to the CPU's; skipped, with the reason, where there is no usable GPU.
@NullMarked
package dev.regroup.runtime.cuda;

import org.jspecify.annotations.NullMarked;
