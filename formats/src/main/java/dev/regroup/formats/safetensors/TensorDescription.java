package dev.regroup.formats.safetensors;

import dev.regroup.formats.tensor.Dtype;

/// What a header says of one tensor, not yet checked: extents and offsets are unsigned.
record TensorDescription(Dtype dtype, long[] extents, long begin, long end) {}
