/*
 * step: one decoding step of a whole batch, without the host.
 *
 *   append_*   writes the new row of each sequence into its page
 *   attend_*   attention of one new token a sequence over its cache, for every layout: the plain kernel,
 *              right for every shape
 *   advance    positions += 1
 *
 * Shapes    cache      [pages, 64, row], bf16 or f32
 *           table      [batch, capacity] int32, the pages of a sequence in order
 *           positions  [batch] int32, where the new token stands: rows 0 .. position are seen
 *           q          [batch, h_q, k + r], absorbed, its rotary part rotated
 *           out        [batch, h_q, v]
 * Grid      (h_q, batch) of 8 warps; a warp takes every 8th token, lanes the elements of a row.
 * Numerics  f32 sums, online softmax a warp, the eight joined in order.
 * Reads     rows up to the position only.
 * Limits    k + r <= 640, v <= 512.
 * Twin      ScalarDecodeKernel.java.
 */
#include <cuda_bf16.h>

typedef __nv_bfloat16 bf16;

struct Rows {  // the twin of CacheRow.java
  int elements, state_dim, key_start, key_width, value_start, value_width, rope_start, rope_width;
  int group;  // query heads of a state
};

__device__ __forceinline__ float read(const float* x) { return *x; }
__device__ __forceinline__ float read(const bf16* x) { return __bfloat162float(*x); }
__device__ __forceinline__ void write(float* x, float v) { *x = v; }
__device__ __forceinline__ void write(bf16* x, float v) { *x = __float2bfloat16(v); }

constexpr int PAGE = 64;

template <typename T>
__device__ __forceinline__ const T* row_of(const T* cache, const int* table, int token, int elements) {
  return cache + ((long long)table[token / PAGE] * PAGE + token % PAGE) * elements;
}

template <typename T>
__device__ __forceinline__ void append(const T* rows, T* cache, const int* table, int capacity,
                                       const int* positions, int elements) {
  int sequence = blockIdx.x;
  T* to = const_cast<T*>(
      row_of(cache, table + (long long)sequence * capacity, positions[sequence], elements));
  for (int i = threadIdx.x; i < elements; i += blockDim.x)
    to[i] = rows[(long long)sequence * elements + i];
}

extern "C" __global__ void append_f32(const float* rows, float* cache, const int* table, int capacity,
                                      const int* positions, int elements) {
  append(rows, cache, table, capacity, positions, elements);
}

extern "C" __global__ void append_bf16(const bf16* rows, bf16* cache, const int* table, int capacity,
                                       const int* positions, int elements) {
  append(rows, cache, table, capacity, positions, elements);
}

template <typename T>
__device__ __forceinline__ void attend(const T* q, const T* cache, const int* table, int capacity,
                                       const int* positions, T* out, Rows r, float scale, int span) {
  constexpr int WARPS = 8, Q = 20, V = 16;
  __shared__ float most[WARPS], sums[WARPS], parts[WARPS][512];
  const int head = blockIdx.x, sequence = blockIdx.y, heads = gridDim.x;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int width = r.key_width + r.rope_width;
  const int state = head / r.group * r.state_dim;
  q += ((long long)sequence * heads + head) * width;
  table += (long long)sequence * capacity;
  const int tokens = positions[sequence] + 1;
  const int first = span > 0 ? max(0, tokens - span) : 0;
  float query[Q], o[V];
#pragma unroll
  for (int i = 0; i < Q; i++) query[i] = lane + 32 * i < width ? read(q + lane + 32 * i) : 0.f;
#pragma unroll
  for (int i = 0; i < V; i++) o[i] = 0;
  float m = -INFINITY, l = 0;
  for (int token = first + warp; token < tokens; token += WARPS) {
    const T* row = row_of(cache, table, token, r.elements);
    float score = 0;
#pragma unroll
    for (int i = 0; i < Q; i++) {
      int d = lane + 32 * i;
      if (d < width) {
        int at = d < r.key_width ? state + r.key_start + d : r.rope_start + d - r.key_width;
        score = fmaf(query[i], read(row + at), score);
      }
    }
#pragma unroll
    for (int other = 16; other > 0; other /= 2) score += __shfl_xor_sync(0xffffffffu, score, other);
    score *= scale;
    float now = fmaxf(m, score);
    float keep = expf(m - now), e = expf(score - now);
    l = l * keep + e;
    m = now;
#pragma unroll
    for (int i = 0; i < V; i++) {
      int d = lane + 32 * i;
      if (d < r.value_width) o[i] = fmaf(e, read(row + state + r.value_start + d), o[i] * keep);
    }
  }
  if (lane == 0) {
    most[warp] = m;
    sums[warp] = l;
  }
#pragma unroll
  for (int i = 0; i < V; i++) parts[warp][lane + 32 * i] = o[i];
  __syncthreads();
  float all = -INFINITY;
  for (int w = 0; w < WARPS; w++) all = fmaxf(all, most[w]);
  float sum = 0;
  for (int w = 0; w < WARPS; w++) sum += most[w] == -INFINITY ? 0.f : sums[w] * expf(most[w] - all);
  out += ((long long)sequence * heads + head) * r.value_width;
  for (int d = threadIdx.x; d < r.value_width; d += blockDim.x) {
    float value = 0;
    for (int w = 0; w < WARPS; w++)
      value += most[w] == -INFINITY ? 0.f : parts[w][d] * expf(most[w] - all);
    write(out + d, value / sum);
  }
}

extern "C" __global__ void __launch_bounds__(256)
    attend_f32(const float* q, const float* cache, const int* table, int capacity,
               const int* positions, float* out, Rows r, float scale, int span) {
  attend(q, cache, table, capacity, positions, out, r, scale, span);
}

extern "C" __global__ void __launch_bounds__(256)
    attend_bf16(const bf16* q, const bf16* cache, const int* table, int capacity,
                const int* positions, bf16* out, Rows r, float scale, int span) {
  attend(q, cache, table, capacity, positions, out, r, scale, span);
}

extern "C" __global__ void advance(int* positions, int batch) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < batch) positions[i]++;
}
