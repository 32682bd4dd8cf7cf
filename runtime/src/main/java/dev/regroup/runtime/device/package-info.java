/// What models run on: the CPU, or an NVIDIA GPU; chosen once, by {@link DeviceChoice}, and closed by
/// whoever opened it.
@NullMarked
package dev.regroup.runtime.device;

import org.jspecify.annotations.NullMarked;
