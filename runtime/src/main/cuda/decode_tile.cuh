// Tiles of cache rows in shared memory, and the products that the mma.sync kernels make of them.
//
// A tile holds `tokens` rows of `stride` bytes, a multiple of 128. The 16-byte chunk c of row t lies
// at chunk c ^ (t & 7): the eight rows of an 8x8 matrix then fall into different banks, whichever
// chunk is asked for, so that ldmatrix runs without conflicts in both directions.
#pragma once
#include "decode.cuh"

__device__ __forceinline__ uint32_t chunk_at(uint32_t tile, int stride, int token, int chunk) {
  return tile + token * stride + ((chunk ^ (token & 7)) << 4);
}

// The largest score so far, the sum of weights (this thread's columns only) of rows r and r + 8.
struct Softmax {
  float largest[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};
};

// How far (in base-2 logarithm) a score may exceed the reference before everything is rescaled. Any
// reference gives the same quotient; weights up to 2^8 round in BF16 as well as weights up to 1.
constexpr float RESCALE_AT = 8.0f;

__device__ __forceinline__ float quad_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
  return fmaxf(x, __shfl_xor_sync(~0u, x, 2));
}
__device__ __forceinline__ float quad_sum(float x) {
  x += __shfl_xor_sync(~0u, x, 1);
  return x + __shfl_xor_sync(~0u, x, 2);
}

// Scores (scaled, base 2, -inf where unseen) of a 16-row fragment become weights; `factor` is what
// earlier sums must be multiplied by. Returns whether any factor of the warp is not 1.
template <int COLUMNS8>
__device__ __forceinline__ bool weigh(float (&s)[COLUMNS8][4], Softmax& state, float (&factor)[2]) {
  bool changed = false;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float largest = -INFINITY;
#pragma unroll
    for (int n = 0; n < COLUMNS8; n++) largest = fmaxf(largest, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
    largest = quad_max(largest);
    factor[half] = 1;
    if (largest > state.largest[half] + RESCALE_AT || state.largest[half] == -INFINITY) {
      factor[half] = largest == -INFINITY ? 1.0f : ptx::exp2(state.largest[half] - largest);
      state.largest[half] = largest;
      changed = true;
    }
    const float reference = state.largest[half] == -INFINITY ? 0.0f : state.largest[half];
    float sum = 0;
#pragma unroll
    for (int n = 0; n < COLUMNS8; n++) {
#pragma unroll
      for (int i = 0; i < 2; i++) {
        s[n][2 * half + i] = ptx::exp2(s[n][2 * half + i] - reference);
        sum += s[n][2 * half + i];
      }
    }
    state.sum[half] = state.sum[half] * factor[half] + sum;
  }
  return __any_sync(~0u, changed);
}

// Two neighbouring score fragments (16 tokens), as the left operand of the second product.
__device__ __forceinline__ void weights_operand(uint32_t (&a)[4], const float (&left)[4], const float (&right)[4]) {
  a[0] = ptx::pack(left[0], left[1]);
  a[1] = ptx::pack(left[2], left[3]);
  a[2] = ptx::pack(right[0], right[1]);
  a[3] = ptx::pack(right[2], right[3]);
}

// Query rows `row` and `row + 8` of a state, as left operands. Rows that are not there read another
// and become zeros: loads that nothing branches around are all in flight at once.
struct QueryOperands {
  const char* at[2];
  uint32_t mask[2];
  bool bfloat;
  __device__ __forceinline__ QueryOperands(const DecodeArguments& a, int request, int state, int row)
      : bfloat(a.queryBfloat) {
    const int dim = a.keyWidth + a.ropeDim;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      QueryRow of = query_row(a, state, row + 8 * half);
      mask[half] = of.valid ? 0xffffffffu : 0;
      if (!of.valid) of = query_row(a, state, 0);
      const long long element = query_index(a, request, of) * dim + 2 * (threadIdx.x & 3);
      at[half] = static_cast<const char*>(a.query) + element * (bfloat ? 2 : 4);
    }
  }
  // Operand i holds k-step step(i): columns 16 step(i) and on.
  template <int COUNT, typename Step>
  __device__ __forceinline__ void load(uint32_t (&to)[COUNT][4], Step step) const {
    if (bfloat) {
#pragma unroll
      for (int i = 0; i < COUNT; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
          to[i][j] = __ldg(reinterpret_cast<const uint32_t*>(at[j % 2] + 2 * (16 * step(i) + j / 2 * 8)));
        }
      }
    } else {
#pragma unroll
      for (int i = 0; i < COUNT; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
          const float2 pair = __ldg(reinterpret_cast<const float2*>(at[j % 2] + 4 * (16 * step(i) + j / 2 * 8)));
          to[i][j] = ptx::pack(pair.x, pair.y);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
#pragma unroll
      for (int j = 0; j < 4; j++) to[i][j] &= mask[j % 2];
    }
  }
};

// Pages of a request from `token` on, one ahead: the table is read a tile before its page is.
struct PageWalk {
  const int* table;
  int next;
  __device__ PageWalk(const DecodeArguments& a, const Segment& s, int token, int behind)
      : table(a.table + static_cast<long long>(s.request) * a.tableStride), next(0) {
    fetch(token, behind);
  }
  __device__ __forceinline__ void fetch(int token, int behind) {
    if (token < behind) next = __ldg(table + token / PAGE);
  }
};
