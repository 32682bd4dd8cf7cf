/*
 * quantized: FP8 weights to what they are worth, on the device.
 *
 *     to[r, c] = value(codes[r, c]) * scales[r / block_rows, c / block_columns]
 *
 * Shapes    codes [rows, columns] E4M3 or E5M2; scales f32, `scale_columns` a row of blocks; to f32 or
 *           bf16. One scale for all: a block as large as the weight; one a row: blocks of one row.
 * Grid      a thread an element.
 * Numerics  the product in f32, rounded once where `to` is bf16; for f32 the CPU's bits.
 * Twin      Float8.java and Scales.java.
 */
#include <cuda_bf16.h>
#include <cuda_fp8.h>

typedef __nv_bfloat16 bf16;

struct Blocks {
  int columns, block_rows, block_columns, scale_columns, e5m2;
};

__device__ __forceinline__ void write(float* x, float v) { *x = v; }
__device__ __forceinline__ void write(bf16* x, float v) { *x = __float2bfloat16(v); }

template <typename T>
__device__ __forceinline__ void dequantize(const unsigned char* codes, const float* scales, T* to,
                                           Blocks b, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  long long row = i / b.columns;
  int column = i % b.columns;
  __half_raw half = __nv_cvt_fp8_to_halfraw(codes[i], b.e5m2 ? __NV_E5M2 : __NV_E4M3);
  float scale = scales[row / b.block_rows * b.scale_columns + column / b.block_columns];
  write(to + i, __half2float(half) * scale);
}

extern "C" __global__ void dequantize_f32(const unsigned char* codes, const float* scales, float* to,
                                          Blocks b, long long count) {
  dequantize(codes, scales, to, b, count);
}

extern "C" __global__ void dequantize_bf16(const unsigned char* codes, const float* scales, bf16* to,
                                           Blocks b, long long count) {
  dequantize(codes, scales, to, b, count);
}
