/// Matrices, products and decompositions: a scalar definition and an OpenBLAS twin, one contract.
@NullMarked
package dev.regroup.runtime.linalg;

import org.jspecify.annotations.NullMarked;
