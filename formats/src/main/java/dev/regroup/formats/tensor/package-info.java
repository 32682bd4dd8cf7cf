/// Tensors as files hold them: a name, a dtype, a shape, and bytes in row-major, little-endian
/// order.
@NullMarked
package dev.regroup.formats.tensor;

import org.jspecify.annotations.NullMarked;
