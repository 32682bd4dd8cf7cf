/*
 * step: one decoding step of a whole batch, without the host.
 *
 *   append_*   writes the new row of each sequence into its page
 *   attend_*   attention of one new token a sequence over its cache, for every layout: the plain kernel,
 *              right for every shape up to the widths in its name
 *   join_*     joins what blocks made of pieces of a cache
 *   advance    positions += 1
 *
 * Shapes    cache      [pages, 64, row], bf16 or f32
 *           table      [batch, capacity] int32, the pages of a sequence in order
 *           positions  [batch] int32, where the new token stands: rows 0 .. position are seen
 *           q          [batch, h_q, k + r], absorbed, its rotary part rotated
 *           out        [batch, h_q, v]
 *           pieces     [batch, h_q, pieces, 2 + v] f32, where there are several
 * Grid      (h_q, batch, pieces) of 8 warps; a warp takes a few tokens at a time, lanes the elements of
 *           a row.
 * Numerics  f32 sums, online softmax a warp, warps and then pieces joined in order.
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

// Q and V: elements of a query and of a value that a lane holds. TOKENS are scored at a time, so that
// their loads overlap.
template <typename T, int Q, int V, int TOKENS>
__device__ __forceinline__ void attend(const T* q, const T* cache, const int* table, int capacity,
                                       const int* positions, T* out, float* pieces, Rows r,
                                       float scale, int span) {
  constexpr int WARPS = 8;
  __shared__ float most[WARPS], sums[WARPS], parts[WARPS][32 * V];
  const int head = blockIdx.x, sequence = blockIdx.y, heads = gridDim.x;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int width = r.key_width + r.rope_width;
  const int state = head / r.group * r.state_dim;
  const long long row_index = (long long)sequence * heads + head;
  q += row_index * width;
  table += (long long)sequence * capacity;
  const int end = positions[sequence] + 1;
  const int begin = span > 0 ? max(0, end - span) : 0;
  // pieces of whole rounds of the block
  const int round = WARPS * TOKENS;
  const int each = ((end - begin + gridDim.z - 1) / gridDim.z + round - 1) / round * round;
  const int first = begin + blockIdx.z * each, behind = min(end, first + each);
  float query[Q], o[V];
  int at[Q];
#pragma unroll
  for (int i = 0; i < Q; i++) {
    int d = lane + 32 * i;
    query[i] = d < width ? read(q + d) : 0.f;
    at[i] = d >= width        ? state
            : d < r.key_width ? state + r.key_start + d
                              : r.rope_start + d - r.key_width;
  }
#pragma unroll
  for (int i = 0; i < V; i++) o[i] = 0;
  float m = -INFINITY, l = 0;
  for (int token = first + warp * TOKENS; token < behind; token += round) {
    const T* rows[TOKENS];
    float score[TOKENS];
#pragma unroll
    for (int t = 0; t < TOKENS; t++) {
      rows[t] = row_of(cache, table, min(token + t, behind - 1), r.elements);
      score[t] = 0;
    }
#pragma unroll
    for (int i = 0; i < Q; i++)
#pragma unroll
      for (int t = 0; t < TOKENS; t++)
        if (lane + 32 * i < width) score[t] = fmaf(query[i], read(rows[t] + at[i]), score[t]);
#pragma unroll
    for (int other = 16; other > 0; other /= 2)
#pragma unroll
      for (int t = 0; t < TOKENS; t++) score[t] += __shfl_xor_sync(0xffffffffu, score[t], other);
    float now = m;
#pragma unroll
    for (int t = 0; t < TOKENS; t++) {
      score[t] = token + t < behind ? score[t] * scale : -INFINITY;
      now = fmaxf(now, score[t]);
    }
    float keep = expf(m - now);
    l *= keep;
#pragma unroll
    for (int i = 0; i < V; i++) o[i] *= keep;
#pragma unroll
    for (int t = 0; t < TOKENS; t++) {
      float e = expf(score[t] - now);
      l += e;
#pragma unroll
      for (int i = 0; i < V; i++) {
        int d = lane + 32 * i;
        if (d < r.value_width) o[i] = fmaf(e, read(rows[t] + state + r.value_start + d), o[i]);
      }
    }
    m = now;
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
  float* piece = pieces + (row_index * gridDim.z + blockIdx.z) * (r.value_width + 2);
  for (int d = threadIdx.x; d < r.value_width; d += blockDim.x) {
    float value = 0;
    for (int w = 0; w < WARPS; w++)
      value += most[w] == -INFINITY ? 0.f : parts[w][d] * expf(most[w] - all);
    if (gridDim.z == 1) {
      write(out + row_index * r.value_width + d, value / sum);
    } else {
      piece[2 + d] = value;
    }
  }
  if (gridDim.z > 1 && threadIdx.x == 0) {
    piece[0] = all;
    piece[1] = sum;
  }
}

#define ATTEND(NAME, T, Q, V, TOKENS)                                                              \
  extern "C" __global__ void __launch_bounds__(256) NAME(                                          \
      const T* q, const T* cache, const int* table, int capacity, const int* positions, T* out,    \
      float* pieces, Rows r, float scale, int span) {                                              \
    attend<T, Q, V, TOKENS>(q, cache, table, capacity, positions, out, pieces, r, scale, span);    \
  }
ATTEND(attend_f32_64, float, 2, 2, 8)
ATTEND(attend_f32_128, float, 4, 4, 8)
ATTEND(attend_f32_640, float, 20, 16, 2)
ATTEND(attend_bf16_64, bf16, 2, 2, 8)
ATTEND(attend_bf16_128, bf16, 4, 4, 8)
ATTEND(attend_bf16_640, bf16, 20, 16, 2)

// Pieces [rows, count, 2 + width] of a softmax, each with its largest score and its sum, joined in
// order; a block a row.
template <typename T>
__device__ __forceinline__ void join(const float* pieces, int count, int width, T* out) {
  const long long row = blockIdx.x;
  pieces += row * count * (width + 2);
  float all = -INFINITY, sum = 0;
  for (int i = 0; i < count; i++) all = fmaxf(all, pieces[i * (width + 2)]);
  for (int i = 0; i < count; i++)
    sum += pieces[i * (width + 2) + 1] * expf(pieces[i * (width + 2)] - all);
  for (int d = threadIdx.x; d < width; d += blockDim.x) {
    float value = 0;
    for (int i = 0; i < count; i++)
      value += pieces[i * (width + 2) + 2 + d] * expf(pieces[i * (width + 2)] - all);
    write(out + row * width + d, value / sum);
  }
}

extern "C" __global__ void join_f32(const float* pieces, int count, int width, float* out) {
  join(pieces, count, width, out);
}

extern "C" __global__ void join_bf16(const float* pieces, int count, int width, bf16* out) {
  join(pieces, count, width, out);
}

extern "C" __global__ void advance(int* positions, int batch) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < batch) positions[i]++;
}
