package dev.regroup.runtime.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.regroup.runtime.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/// Descriptors of tensors in device memory for Hopper's copy engine.
///
/// JCuda does not bind `cuTensorMapEncodeTiled`, so it is called through the foreign-function
/// interface, in the `libcuda.so.1` that JCuda has loaded.
public final class TensorMap {
  /// Bytes of a descriptor, which kernels take by value.
  public static final int BYTES = 128;

  private static final int ALIGNMENT = 64;
  private static final int BFLOAT16 = 9; // CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
  private static final int LINE = 64; // elements
  private static final int SWIZZLE_128B = 3;

  /// Measured: with promotion to 256 bytes decoding took 5 to 7 % longer on an H200, though no byte
  /// came twice. Rows are an odd number of 128-byte lines.
  private static final int NO_PROMOTION = 0;

  private TensorMap() {}

  /// A cache of pages of BF16 rows, each row a number of lines of 64 elements, 128 bytes. Boxes of
  /// lines arrive in shared memory one line after another, token after token, with the 128-byte
  /// swizzle.
  ///
  /// @param address of the first page, a multiple of 16
  /// @param row elements of a token's row, a multiple of 64
  /// @param pages that are there
  /// @param pageStride elements from a page to the next; their bytes a multiple of 16
  public record Pages(long address, int row, int tokens, long pages, long pageStride) {
    /// The descriptor.
    ///
    /// @param boxLines lines of each token in a box
    /// @param boxTokens tokens of a box
    /// @throws DeviceException where the driver refuses
    public byte[] encode(int boxLines, int boxTokens) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment map = arena.allocate(BYTES, ALIGNMENT);
        MemorySegment extents = arena.allocateFrom(JAVA_LONG, LINE, row / LINE, tokens, pages);
        MemorySegment strides = arena.allocateFrom(JAVA_LONG, 2L * LINE, 2L * row, 2L * pageStride);
        MemorySegment box = arena.allocateFrom(JAVA_INT, LINE, boxLines, boxTokens, 1);
        MemorySegment steps = arena.allocateFrom(JAVA_INT, 1, 1, 1, 1);
        int result =
            (int)
                Holder.ENCODE.invokeExact(
                    map,
                    BFLOAT16,
                    4,
                    MemorySegment.ofAddress(address),
                    extents,
                    strides,
                    box,
                    steps,
                    0,
                    SWIZZLE_128B,
                    NO_PROMOTION,
                    0);
        Driver.check(result, "cuTensorMapEncodeTiled");
        return map.toArray(JAVA_BYTE);
      } catch (RuntimeException | Error e) {
        throw e;
      } catch (Throwable e) {
        throw new IllegalStateException("cuTensorMapEncodeTiled", e);
      }
    }
  }

  /// Looked up when it is first needed, after the driver has been loaded.
  private static final class Holder {
    private static final MethodHandle ENCODE = find();

    // CUresult cuTensorMapEncodeTiled(CUtensorMap*, CUtensorMapDataType, cuuint32_t rank, void*,
    // const cuuint64_t *globalDim, const cuuint64_t *globalStrides, const cuuint32_t *boxDim,
    // const cuuint32_t *elementStrides, interleave, swizzle, l2Promotion, oobFill)
    private static MethodHandle find() {
      SymbolLookup driver = SymbolLookup.libraryLookup("libcuda.so.1", Arena.global());
      return Linker.nativeLinker()
          .downcallHandle(
              driver
                  .find("cuTensorMapEncodeTiled")
                  .orElseThrow(
                      () -> new DeviceException("libcuda.so.1 has no cuTensorMapEncodeTiled")),
              FunctionDescriptor.of(
                  JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS,
                  ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
    }
  }
}
