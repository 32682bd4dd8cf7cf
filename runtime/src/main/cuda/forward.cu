/*
 * forward: everything of a forward pass that is neither a matrix product nor attention.
 *
 * Rows are tokens, or heads of tokens; strides are in elements. Kernels come for f32 and bf16
 * activations; sums are f32 (f64 where a router or a score decides), and each is formed in an order
 * that depends on shapes alone, so that two runs give equal bits.
 *
 *   rms_norm_*     y = x / sqrt(mean(x^2) + epsilon) * gain        a warp or a block a row
 *   rotate_*       turns pairs of a slice of every head in place    a thread a pair
 *   copy_*         [rows, heads, width] from one layout to another, cast on the way
 *   gate_*         y = silu(x[:, :n]) * x[:, n:]
 *   add_*          x += y
 *   embed_*        rows of an embedding
 *   expand_bf16    bf16 codes to f32
 *
 * Twin      ScalarOperations.java is the definition; OperationsContract holds these to it.
 * Sources   rotary tables are made on the host in float64, as the CPU's.
 */
#include <cstdint>
#include <cuda_bf16.h>

#include "warp.cuh"

typedef __nv_bfloat16 bf16;

__device__ __forceinline__ float read(const float* x) { return *x; }
__device__ __forceinline__ float read(const bf16* x) { return __bfloat162float(*x); }
__device__ __forceinline__ void write(float* x, float v) { *x = v; }
__device__ __forceinline__ void write(bf16* x, float v) { *x = __float2bfloat16(v); }

// A row for every `threads` threads of a block: 32 or all 256.
template <typename X, typename Y>
__device__ __forceinline__ void rms_norm(const X* x, long long x_row, const float* gain, Y* y,
                                         long long y_row, int rows, int width, float epsilon,
                                         int threads) {
  __shared__ float sums[8];
  int row = blockIdx.x * (blockDim.x / threads) + threadIdx.x / threads;
  int rank = threadIdx.x % threads;
  bool inside = row < rows;
  x += row * x_row;
  y += row * y_row;
  float sum = 0;
  if (inside) {
    for (int i = rank; i < width; i += threads) {
      float v = read(x + i);
      sum = fmaf(v, v, sum);
    }
  }
  sum = warp_sum(sum);
  if (threads > 32) {
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
#pragma unroll
    for (int i = 0; i < 8; i++) sum += sums[i];
  }
  float scale = 1.f / sqrtf(sum / width + epsilon);
  if (inside) {
    for (int i = rank; i < width; i += threads) write(y + i, read(x + i) * scale * gain[i]);
  }
}

#define RMS_NORM(NAME, X, Y)                                                                       \
  extern "C" __global__ void __launch_bounds__(256) NAME(                                          \
      const X* x, long long x_row, const float* gain, Y* y, long long y_row, int rows, int width,  \
      float epsilon, int threads) {                                                                \
    rms_norm(x, x_row, gain, y, y_row, rows, width, epsilon, threads);                             \
  }
RMS_NORM(rms_norm_f32, float, float)
RMS_NORM(rms_norm_f32_bf16, float, bf16)
RMS_NORM(rms_norm_bf16, bf16, bf16)

struct Slices {  // the twin of HeadSlices.java, and how its pairs lie
  long long row_stride;
  int heads, offset, head_stride, pairs, step, second;
};

// Row r is at position positions[r], or first + r % tokens where there are none.
template <typename T>
__device__ __forceinline__ void rotate(T* x, Slices s, const float2* table, const int* positions,
                                       int first, int tokens, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  int pair = i % s.pairs;
  int head = i / s.pairs % s.heads;
  long long row = i / s.pairs / s.heads;
  int position = positions ? positions[row] : first + (int)(row % tokens);
  float2 turn = table[(long long)position * s.pairs + pair];
  T* at = x + row * s.row_stride + s.offset + head * s.head_stride + pair * s.step;
  float a = read(at), b = read(at + s.second);
  write(at, a * turn.x - b * turn.y);
  write(at + s.second, b * turn.x + a * turn.y);
}

#define ROTATE(NAME, T)                                                                            \
  extern "C" __global__ void NAME(T* x, Slices s, const float2* table, const int* positions,       \
                                  int first, int tokens, long long count) {                        \
    rotate(x, s, table, positions, first, tokens, count);                                          \
  }
ROTATE(rotate_f32, float)
ROTATE(rotate_bf16, bf16)

struct Copy {
  long long from_row, to_row;
  int from_head, to_head, heads, width;
};

template <typename X, typename Y>
__device__ __forceinline__ void copy(const X* from, Y* to, Copy c, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  int column = i % c.width;
  int head = i / c.width % c.heads;
  long long row = i / c.width / c.heads;
  write(to + row * c.to_row + head * c.to_head + column,
        read(from + row * c.from_row + head * c.from_head + column));
}

#define COPY(NAME, X, Y)                                                                           \
  extern "C" __global__ void NAME(const X* from, Y* to, Copy c, long long count) {                 \
    copy(from, to, c, count);                                                                      \
  }
COPY(copy_f32, float, float)
COPY(copy_f32_bf16, float, bf16)
COPY(copy_bf16, bf16, bf16)
COPY(copy_bf16_f32, bf16, float)

// IEEE half precision, as some checkpoints store weights.
extern "C" __global__ void expand_f16(const unsigned short* from, float* to, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(from[i]));
  to[i] = value;
}

template <typename T>
__device__ __forceinline__ void gate(const T* x, T* y, int width, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  long long row = i / width;
  int column = i % width;
  float g = read(x + row * 2 * width + column);
  float u = read(x + row * 2 * width + width + column);
  write(y + i, g / (1.f + expf(-g)) * u);
}

extern "C" __global__ void gate_f32(const float* x, float* y, int width, long long count) {
  gate(x, y, width, count);
}

// Eight elements a thread; width is a multiple of 8.
extern "C" __global__ void gate_bf16(const bf16* x, bf16* y, int width, long long count) {
  long long i = 8 * (blockIdx.x * (long long)blockDim.x + threadIdx.x);
  if (i >= count) return;
  long long row = i / width;
  int column = i % width;
  uint4 gs = *reinterpret_cast<const uint4*>(x + row * 2 * width + column);
  uint4 us = *reinterpret_cast<const uint4*>(x + row * 2 * width + width + column);
  uint4 out;
  const __nv_bfloat162* g2 = reinterpret_cast<const __nv_bfloat162*>(&gs);
  const __nv_bfloat162* u2 = reinterpret_cast<const __nv_bfloat162*>(&us);
  __nv_bfloat162* o2 = reinterpret_cast<__nv_bfloat162*>(&out);
#pragma unroll
  for (int e = 0; e < 4; e++) {
    float2 g = __bfloat1622float2(g2[e]);
    float2 u = __bfloat1622float2(u2[e]);
    o2[e] = __floats2bfloat162_rn(g.x / (1.f + __expf(-g.x)) * u.x, g.y / (1.f + __expf(-g.y)) * u.y);
  }
  *reinterpret_cast<uint4*>(y + i) = out;
}

extern "C" __global__ void gate_any_bf16(const bf16* x, bf16* y, int width, long long count) {
  gate(x, y, width, count);
}

extern "C" __global__ void add_f32(float* x, const float* y, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i < count) x[i] += y[i];
}

// x[row] += bias, of every row.
template <typename T>
__device__ __forceinline__ void add_bias(T* x, const float* bias, int width, int stride,
                                         long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  T* at = x + i / width * stride + i % width;
  write(at, read(at) + bias[i % width]);
}

extern "C" __global__ void add_bias_f32(float* x, const float* bias, int width, int stride,
                                        long long count) {
  add_bias(x, bias, width, stride, count);
}

extern "C" __global__ void add_bias_bf16(bf16* x, const float* bias, int width, int stride,
                                         long long count) {
  add_bias(x, bias, width, stride, count);
}

template <typename T>
__device__ __forceinline__ void embed(const int* tokens, const T* table, float* to, int width,
                                      long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i < count) to[i] = read(table + (long long)tokens[i / width] * width + i % width);
}

extern "C" __global__ void embed_f32(const int* tokens, const float* table, float* to, int width,
                                     long long count) {
  embed(tokens, table, to, width, count);
}

extern "C" __global__ void embed_bf16(const int* tokens, const bf16* table, float* to, int width,
                                      long long count) {
  embed(tokens, table, to, width, count);
}

// Numbers of mean 0 and deviation `size`, the same for the same seed: weights of benchmarks.
template <typename T>
__device__ __forceinline__ void randomise(T* x, unsigned long long seed, float size, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  unsigned long long z = seed + 0x9e3779b97f4a7c15ull * (i + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  z ^= z >> 31;
  float a = ((unsigned)z >> 8) * 0x1p-24f, b = ((unsigned)(z >> 32) >> 8) * 0x1p-24f;
  write(x + i, (a + b - 1.f) * 2.4494897f * size);
}

extern "C" __global__ void randomise_f32(float* x, unsigned long long seed, float size,
                                         long long count) {
  randomise(x, seed, size, count);
}

extern "C" __global__ void randomise_bf16(bf16* x, unsigned long long seed, float size,
                                          long long count) {
  randomise(x, seed, size, count);
}
