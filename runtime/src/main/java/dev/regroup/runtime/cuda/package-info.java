/// The NVIDIA backend: a device, its memory, our kernels, and the forward pass made of them.
///
/// Start at {@link CudaDevice} (what is here) and {@link CudaContext} (one device in use, owner of all
/// memory taken on it). Only a driver is needed to run: kernels ship as PTX in the jar and are
/// compiled by the driver when a module is loaded; their sources lie in `runtime/src/main/cuda`.
/// JCuda's driver API is called through {@link Driver} alone, cuBLAS, where there is one, through the
/// foreign-function interface.
///
/// Everything that holds device memory is closed by whoever made it. Calls on one context may come
/// from several threads; work on one stream runs in the order in which it was given.
@NullMarked
package dev.regroup.runtime.cuda;

import org.jspecify.annotations.NullMarked;
