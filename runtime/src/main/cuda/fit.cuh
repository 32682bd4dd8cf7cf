// What the kernels of a step of training share, whether their factors are float32 or BF16.
#pragma once
#include "warp.cuh"

__device__ __forceinline__ int least(int a, int b) { return a < b ? a : b; }
__device__ __forceinline__ int most(int a, int b) { return a > b ? a : b; }

struct Heads {  // the twin of HeadRows
  int windows, tokens, heads, width;
};

struct Fold {  // the twin of Fold
  int rows, groups, group, width, group_stride, add;
};

// Sums over groups of heads, in the order of the heads: a thread an element of `to`.
template <typename From>
__device__ __forceinline__ void fold(const From* from, float* to, const Fold& f, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  int c = i % f.width;
  long long slice = i / f.width;  // row · groups + group
  const From* x = from + slice * f.group * f.width + c;
  float sum = 0;
  for (int h = 0; h < f.group; h++) sum += static_cast<float>(x[(long long)h * f.width]);
  float* y = to + slice * f.group_stride + c;
  *y = f.add ? *y + sum : sum;
}
