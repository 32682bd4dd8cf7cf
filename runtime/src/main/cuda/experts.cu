/*
 * experts: a mixture's router, and what brings rows to experts and back.
 *
 *   route        logits [tokens, experts] to the choice of each token: experts and weights, best first,
 *                and the order of its slots by expert; a warp a token, f64 as the CPU's.
 *   gather_*     to[i] = x[slots[i] / each], rows
 *   combine_*    y[t] += sum over the slots of t, in order of experts, of weight * rows[place of slot]
 *   expert_*     rows[slot] = W[expert of slot] . x[slot / each], where a batch is too small to gather:
 *                a warp an output; the expert is read on the device, so that a graph can hold it.
 *
 * Numerics  a token's experts are added in order of their index, whatever the order of its choice.
 * Limits    512 experts, 32 of them a token; the host refuses others.
 * Twin      Router.java and MixtureOfExperts.java.
 */
#include <cuda_bf16.h>

typedef __nv_bfloat16 bf16;

struct Routing {  // the twin of Routing.java
  double scale;
  int experts, each, groups, groups_each, sigmoid, normalise;
};

__device__ int best(const double* values, int count) {
  int best = 0;
  for (int i = 1; i < count; i++)
    if (values[i] > values[best]) best = i;
  return best;
}

__device__ double group_score(const double* preference, int size, bool two) {
  double first = -INFINITY, second = -INFINITY;
  for (int e = 0; e < size; e++) {
    if (preference[e] > first) {
      second = first;
      first = preference[e];
    } else if (preference[e] > second) {
      second = preference[e];
    }
  }
  return two && size > 1 ? first + second : first;
}

extern "C" __global__ void __launch_bounds__(32)
    route(const float* logits, const float* bias, Routing r, int* chosen, float* weights, int* order) {
  __shared__ double scores[512], preference[512], groups[64];
  __shared__ int kept[64];
  const long long token = blockIdx.x;
  const int lane = threadIdx.x;
  logits += token * r.experts;
  double most = -INFINITY;
  for (int e = 0; e < r.experts; e++) most = fmax(most, (double)logits[e]);
  for (int e = lane; e < r.experts; e += 32)
    scores[e] = r.sigmoid ? 1 / (1 + exp(-(double)logits[e])) : exp((double)logits[e] - most);
  __syncwarp();
  if (lane != 0) return;
  if (!r.sigmoid) {
    double sum = 0;
    for (int e = 0; e < r.experts; e++) sum += scores[e];
    for (int e = 0; e < r.experts; e++) scores[e] /= sum;
  }
  for (int e = 0; e < r.experts; e++) preference[e] = scores[e] + (bias ? bias[e] : 0.f);
  if (r.groups > 1 && r.groups_each < r.groups) {
    int size = r.experts / r.groups;
    for (int g = 0; g < r.groups; g++) {
      groups[g] = group_score(preference + g * size, size, r.sigmoid);
      kept[g] = 0;
    }
    for (int i = 0; i < r.groups_each; i++) {
      int g = best(groups, r.groups);
      groups[g] = -INFINITY;
      kept[g] = 1;
    }
    for (int e = 0; e < r.experts; e++)
      if (!kept[e / size]) preference[e] = -INFINITY;
  }
  chosen += token * r.each;
  weights += token * r.each;
  order += token * r.each;
  double sum = 0;
  for (int i = 0; i < r.each; i++) {
    int e = best(preference, r.experts);
    preference[e] = -INFINITY;
    chosen[i] = e;
    sum += scores[e];
  }
  double scale = r.scale / (r.normalise ? sum + 1e-20 : 1);
  for (int i = 0; i < r.each; i++) {
    weights[i] = (float)(scores[chosen[i]] * scale);
    int place = 0;  // slots of smaller experts come first
    for (int j = 0; j < r.each; j++) place += chosen[j] < chosen[i] || (chosen[j] == chosen[i] && j < i);
    order[place] = i;
  }
}

__device__ __forceinline__ float read(const float* x) { return *x; }
__device__ __forceinline__ float read(const bf16* x) { return __bfloat162float(*x); }
__device__ __forceinline__ void write(float* x, float v) { *x = v; }
__device__ __forceinline__ void write(bf16* x, float v) { *x = __float2bfloat16(v); }

template <typename T>
__device__ __forceinline__ void gather(const T* x, const int* slots, T* to, int each, int width,
                                       long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i < count) to[i] = x[(long long)(slots[i / width] / each) * width + i % width];
}

extern "C" __global__ void gather_f32(const float* x, const int* slots, float* to, int each, int width,
                                      long long count) {
  gather(x, slots, to, each, width, count);
}

extern "C" __global__ void gather_bf16(const bf16* x, const int* slots, bf16* to, int each, int width,
                                       long long count) {
  gather(x, slots, to, each, width, count);
}

// y is [tokens, width]; places is null where slot s lies in row s.
template <typename T>
__device__ __forceinline__ void combine(float* y, const T* rows, const int* places, const int* order,
                                        const float* weights, int each, int width, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  long long token = i / width;
  float sum = y[i];
  for (int j = 0; j < each; j++) {
    long long slot = token * each + order[token * each + j];
    long long row = places ? places[slot] : slot;
    sum = fmaf(weights[slot], read(rows + row * width + i % width), sum);
  }
  y[i] = sum;
}

extern "C" __global__ void combine_f32(float* y, const float* rows, const int* places,
                                       const int* order, const float* weights, int each, int width,
                                       long long count) {
  combine(y, rows, places, order, weights, each, width, count);
}

extern "C" __global__ void combine_bf16(float* y, const bf16* rows, const int* places,
                                        const int* order, const float* weights, int each, int width,
                                        long long count) {
  combine(y, rows, places, order, weights, each, width, count);
}

// Block (32, 8); grid (out / 8, slots).
template <typename T>
__device__ __forceinline__ void expert(const T* w, const int* chosen, const T* x, T* y, int each,
                                       int out, int in) {
  int row = blockIdx.x * 8 + threadIdx.y;
  long long slot = blockIdx.y;
  if (row >= out) return;
  const T* weights = w + ((long long)chosen[slot] * out + row) * in;
  const T* from = x + slot / each * in;
  float sum = 0;
  for (int i = threadIdx.x; i < in; i += 32) sum = fmaf(read(weights + i), read(from + i), sum);
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lane);
  if (threadIdx.x == 0) write(y + slot * out + row, sum);
}

extern "C" __global__ void __launch_bounds__(256)
    expert_f32(const float* w, const int* chosen, const float* x, float* y, int each, int out, int in) {
  expert(w, chosen, x, y, each, out, in);
}

extern "C" __global__ void __launch_bounds__(256)
    expert_bf16(const bf16* w, const int* chosen, const bf16* x, bf16* y, int each, int out, int in) {
  expert(w, chosen, x, y, each, out, in);
}
