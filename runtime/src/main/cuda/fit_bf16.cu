/*
 * fit_bf16: what lies between the products of a step of training, where their factors are BF16.
 *
 * Sums are float32, in an order that depends on shapes alone.
 *
 *   fit_round, fit_widen    float32 to BF16 and back                               8 elements a thread
 *   fit_add_bias_bf16       x += b
 *   fit_softmax_bf16        causal softmax of float32 scores                       a warp a row
 *   fit_unweigh_bf16        its transpose                                          a warp a row
 *   fit_fold_bf16           sums over groups of heads, to float32
 *
 * Twin      ScalarTrainingMath.java is the definition; RoundedTrainingTest holds these to it.
 */
#include <cuda_bf16.h>

#include "fit.cuh"

typedef __nv_bfloat16 bf16;

// N elements of a row, beginning at a multiple of N.
template <int N>
struct Slice {
  float at[N];

  __device__ __forceinline__ void load(const float* from) {
    if constexpr (N == 4) {
      float4 v = *(const float4*)from;
      at[0] = v.x, at[1] = v.y, at[2] = v.z, at[3] = v.w;
    } else {
      at[0] = *from;
    }
  }

  __device__ __forceinline__ void load(const bf16* from) {
    if constexpr (N == 4) {
      uint2 v = *(const uint2*)from;
      float2 low = __bfloat1622float2(*(const __nv_bfloat162*)&v.x);
      float2 high = __bfloat1622float2(*(const __nv_bfloat162*)&v.y);
      at[0] = low.x, at[1] = low.y, at[2] = high.x, at[3] = high.y;
    } else {
      at[0] = __bfloat162float(*from);
    }
  }

  __device__ __forceinline__ void store(float* to) const {
    if constexpr (N == 4) {
      *(float4*)to = make_float4(at[0], at[1], at[2], at[3]);
    } else {
      *to = at[0];
    }
  }

  __device__ __forceinline__ void store(bf16* to) const {
    if constexpr (N == 4) {
      __nv_bfloat162 low = __floats2bfloat162_rn(at[0], at[1]);
      __nv_bfloat162 high = __floats2bfloat162_rn(at[2], at[3]);
      uint2 v;
      v.x = *(const unsigned*)&low, v.y = *(const unsigned*)&high;
      *(uint2*)to = v;
    } else {
      *to = __float2bfloat16(at[0]);
    }
  }
};

template <typename From, typename To>
__device__ __forceinline__ void cast(const From* from, To* to, long long count) {
  long long first = (blockIdx.x * (long long)blockDim.x + threadIdx.x) * 4;
  long long half = gridDim.x * (long long)blockDim.x * 4;
#pragma unroll
  for (int i = 0; i < 2; i++, first += half) {
    if (first + 4 <= count) {
      Slice<4> some;
      some.load(from + first);
      some.store(to + first);
    } else {
      for (long long at = first; at < count; at++) {
        Slice<1> one;
        one.load(from + at);
        one.store(to + at);
      }
    }
  }
}

extern "C" __global__ void fit_round(const float* from, bf16* to, long long count) {
  cast(from, to, count);
}

extern "C" __global__ void fit_widen(const bf16* from, float* to, long long count) {
  cast(from, to, count);
}

extern "C" __global__ void fit_add_bias_bf16(bf16* x, const float* bias, int width,
                                             long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i < count) x[i] = __float2bfloat16(__bfloat162float(x[i]) + bias[i % width]);
}

// Columns of a row that a product may read.
__device__ __forceinline__ int zeroed(int row, int tokens, int block) {
  return least(tokens, (row / block + 1) * block);
}

template <int N>
__device__ __forceinline__ void softmax(const float* s, bf16* p, int lane, int begin, int row,
                                        int end) {
  float largest = -INFINITY;
  for (int j = lane * N; j <= row; j += 32 * N) {
    Slice<N> some;
    some.load(s + j);
#pragma unroll
    for (int i = 0; i < N; i++)
      if (j + i >= begin && j + i <= row) largest = fmaxf(largest, some.at[i]);
  }
  largest = warp_most(largest);
  float sum = 0;
  for (int j = lane * N; j <= row; j += 32 * N) {
    Slice<N> some;
    some.load(s + j);
#pragma unroll
    for (int i = 0; i < N; i++)
      if (j + i >= begin && j + i <= row) sum += __expf(some.at[i] - largest);
  }
  float share = 1 / warp_sum(sum);
  for (int j = lane * N; j < end; j += 32 * N) {
    Slice<N> some;
    if (j <= row) some.load(s + j);
#pragma unroll
    for (int i = 0; i < N; i++) {
      bool seen = j + i >= begin && j + i <= row;
      some.at[i] = seen ? __expf(some.at[i] - largest) * share : 0.f;
    }
    some.store(p + j);
  }
}

extern "C" __global__ void fit_softmax_bf16(const float* scores, bf16* probabilities, long long rows,
                                            int tokens, int window, int block) {
  long long r = blockIdx.x * (long long)(blockDim.x / 32) + threadIdx.x / 32;
  int lane = threadIdx.x % 32;
  if (r >= rows) return;
  int row = r % tokens;
  int begin = window == 0 ? 0 : most(0, row - window + 1);
  int end = zeroed(row, tokens, block);
  const float* s = scores + r * tokens;
  bf16* p = probabilities + r * tokens;
  if (tokens % 4 == 0) softmax<4>(s, p, lane, begin, row, end);
  else softmax<1>(s, p, lane, begin, row, end);
}

template <int N>
__device__ __forceinline__ void unweigh(const float* s, const bf16* p, bf16* to, int lane, int row,
                                        int end, float scale, float mean) {
  for (int j = lane * N; j < end; j += 32 * N) {
    Slice<N> some, weights;
    if (j <= row) {
      some.load(s + j);
      weights.load(p + j);
    }
#pragma unroll
    for (int i = 0; i < N; i++)
      some.at[i] = j + i > row ? 0.f : scale * weights.at[i] * (some.at[i] - mean);
    some.store(to + j);
  }
}

extern "C" __global__ void fit_unweigh_bf16(const float* scores, const bf16* probabilities,
                                            const bf16* outputs, const bf16* heads, bf16* to,
                                            Heads h, float scale, int block, long long rows) {
  long long r = blockIdx.x * (long long)(blockDim.x / 32) + threadIdx.x / 32;
  int lane = threadIdx.x % 32;
  if (r >= rows) return;
  int row = r % h.tokens;
  int head = r / h.tokens % h.heads;
  long long at = (r / h.tokens / h.heads * h.tokens + row) * h.heads * h.width +
                 (long long)head * h.width;
  float mean = 0;
  for (int c = lane; c < h.width; c += 32)
    mean = fmaf(__bfloat162float(outputs[at + c]), __bfloat162float(heads[at + c]), mean);
  mean = warp_sum(mean);
  int end = zeroed(row, h.tokens, block);
  const float* s = scores + r * h.tokens;
  const bf16* p = probabilities + r * h.tokens;
  bf16* d = to + r * h.tokens;
  if (h.tokens % 4 == 0) unweigh<4>(s, p, d, lane, row, end, scale, mean);
  else unweigh<1>(s, p, d, lane, row, end, scale, mean);
}

extern "C" __global__ void fit_fold_bf16(const bf16* from, float* to, Fold f, long long count) {
  fold(from, to, f, count);
}
