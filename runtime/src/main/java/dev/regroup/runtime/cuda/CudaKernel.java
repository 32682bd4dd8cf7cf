package dev.regroup.runtime.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.JCudaDriver;

/// A kernel that can be launched.
public final class CudaKernel {
  private final CudaContext context;
  private final String name;
  private final CUfunction function;

  CudaKernel(CudaContext context, String name, CUfunction function) {
    this.context = context;
    this.name = name;
    this.function = function;
  }

  /// Extents of a grid or a block.
  public record Extent(int x, int y, int z) {
    /// A row of them.
    public static Extent of(long x) {
      return new Extent(Math.toIntExact(x), 1, 1);
    }
  }

  /// How a kernel is spread over the device.
  ///
  /// @param sharedBytes dynamic shared memory of a block; above 48 KiB see {@link #allowShared}
  public record Launch(Extent grid, Extent block, int sharedBytes) {
    /// A row of blocks of a row of threads.
    public static Launch of(long blocks, int threads) {
      return new Launch(Extent.of(blocks), Extent.of(threads), 0);
    }
  }

  /// Lets blocks have so much dynamic shared memory.
  ///
  /// @throws dev.regroup.runtime.DeviceException where the device has less
  public CudaKernel allowShared(int bytes) {
    context.use();
    Driver.check(
        JCudaDriver.cuFuncSetAttribute(
            function, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes),
        "%s: %d bytes of shared memory".formatted(name, bytes));
    return this;
  }

  /// Starts the kernel.
  ///
  /// @param arguments in the order of the kernel's parameters: {@link CudaBuffer} or `Long` for an
  ///     address (or a 64-bit integer), `Integer`, `Float`, `Double`; a `byte[]` for a structure passed
  ///     by value, a multiple of 8 bytes
  public void launch(CudaStream stream, Launch launch, Object... arguments) {
    context.use();
    if (launch.grid().x() == 0 || launch.grid().y() == 0 || launch.grid().z() == 0) {
      return;
    }
    Pointer[] pointers = pack(arguments);
    Driver.check(
        JCudaDriver.cuLaunchKernel(
            function,
            launch.grid().x(),
            launch.grid().y(),
            launch.grid().z(),
            launch.block().x(),
            launch.block().y(),
            launch.block().z(),
            launch.sharedBytes(),
            stream.handle(),
            Pointer.to(pointers),
            null),
        "launching " + name);
  }

  private static Pointer[] pack(Object[] arguments) {
    int bytes = 0;
    for (Object argument : arguments) {
      bytes += argument instanceof byte[] structure ? structure.length : Long.BYTES;
    }
    ByteBuffer values = ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
    Pointer all = Pointer.to(values);
    Pointer[] pointers = new Pointer[arguments.length];
    int at = 0;
    for (int i = 0; i < arguments.length; i++) {
      pointers[i] = all.withByteOffset(at);
      at += put(values, at, arguments[i]);
    }
    return pointers;
  }

  private static int put(ByteBuffer values, int at, Object argument) {
    switch (argument) {
      case CudaBuffer buffer -> values.putLong(at, buffer.address());
      case Long value -> values.putLong(at, value);
      case Integer value -> values.putInt(at, value);
      case Float value -> values.putFloat(at, value);
      case Double value -> values.putDouble(at, value);
      case byte[] structure -> {
        values.put(at, structure);
        return structure.length;
      }
      default ->
          throw new IllegalArgumentException(
              "a kernel argument is a " + argument.getClass().getSimpleName());
    }
    return Long.BYTES;
  }
}
