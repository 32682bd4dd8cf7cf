/*
 * score: what two models' logits for the same next token say, one block a token.
 *
 * Shapes    source, target [rows, vocabulary] f32; next [rows] int32
 *           sums   [rows, 8] f64: ln sum exp of source and of target, mean of source - target under the
 *                  source's probabilities, logits of `next` in source and target, the source's largest
 *                  logit, 1 where all of source (then target) are finite
 *           top    [rows, 10] int32: the five likeliest of source, then of target; of equal logits the
 *                  smaller id first; -1 where the vocabulary is smaller
 * Numerics  f64 sums in an order that depends on the vocabulary alone; equal rows give equal sums, so
 *           that a model against itself gives exactly 0.
 * Twin      TokenScore.java.
 *
 * argmax    the likeliest token of each row, for greedy decoding; of equal logits the smaller id.
 */
#include <math_constants.h>

constexpr int THREADS = 256;

__device__ double block_sum(double x, double* parts) {
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) x += __shfl_xor_sync(0xffffffffu, x, lane);
  __syncthreads();
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
  __syncthreads();
  double sum = 0;
#pragma unroll
  for (int i = 0; i < THREADS / 32; i++) sum += parts[i];
  return sum;
}

// Whether (a, i) comes before (b, j): larger first, then the smaller id; an id of -1 comes last.
__device__ __forceinline__ bool before(float a, int i, float b, int j) {
  return i >= 0 && (j < 0 || a > b || (a == b && i < j));
}

// The first of a row that comes after (last, lastId); all threads get it.
__device__ int next_best(const float* row, int vocabulary, float last, int lastId, float* values,
                         int* ids) {
  float best = 0;
  int id = -1;
  for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
    float v = row[i];
    if (lastId >= 0 && !before(last, lastId, v, i)) continue;
    if (lastId >= 0 && i == lastId) continue;
    if (before(v, i, best, id)) {
      best = v;
      id = i;
    }
  }
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) {
    float other = __shfl_xor_sync(0xffffffffu, best, lane);
    int otherId = __shfl_xor_sync(0xffffffffu, id, lane);
    if (before(other, otherId, best, id)) {
      best = other;
      id = otherId;
    }
  }
  __syncthreads();
  if (threadIdx.x % 32 == 0) {
    values[threadIdx.x / 32] = best;
    ids[threadIdx.x / 32] = id;
  }
  __syncthreads();
  best = values[0];
  id = ids[0];
  for (int i = 1; i < THREADS / 32; i++) {
    if (before(values[i], ids[i], best, id)) {
      best = values[i];
      id = ids[i];
    }
  }
  return id;
}

__device__ double largest(const float* row, int vocabulary, double* parts, bool* finite) {
  float most = -CUDART_INF_F;
  int odd = 0;
  for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
    most = row[i] != row[i] || most != most ? CUDART_NAN_F : fmaxf(most, row[i]);
    odd |= !isfinite(row[i]);
  }
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) {
    float other = __shfl_xor_sync(0xffffffffu, most, lane);
    most = other != other || most != most ? CUDART_NAN_F : fmaxf(most, other);
  }
  *finite = !__syncthreads_or(odd);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = most;
  __syncthreads();
  double all = parts[0];
  for (int i = 1; i < THREADS / 32; i++)
    all = parts[i] != parts[i] || all != all ? CUDART_NAN : fmax(all, parts[i]);
  return all;
}

extern "C" __global__ void __launch_bounds__(THREADS)
    score(const float* source, const float* target, const int* next, int vocabulary, double* sums,
          int* top) {
  __shared__ double parts[THREADS / 32];
  __shared__ float values[THREADS / 32];
  __shared__ int ids[THREADS / 32];
  const long long row = blockIdx.x;
  source += row * vocabulary;
  target += row * vocabulary;
  bool sourceFinite, targetFinite;
  double sourceMost = largest(source, vocabulary, parts, &sourceFinite);
  __syncthreads();
  double targetMost = largest(target, vocabulary, parts, &targetFinite);
  double sourceSum = 0, targetSum = 0, difference = 0;
  for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
    double e = exp((double)source[i] - sourceMost);
    sourceSum += e;
    difference += e * ((double)source[i] - (double)target[i]);
    targetSum += exp((double)target[i] - targetMost);
  }
  sourceSum = block_sum(sourceSum, parts);
  targetSum = block_sum(targetSum, parts);
  difference = block_sum(difference, parts);
  for (int side = 0; side < 2; side++) {
    const float* logits = side ? target : source;
    float last = 0;
    int lastId = -1;
    for (int i = 0; i < 5; i++) {
      int id = i < vocabulary ? next_best(logits, vocabulary, last, lastId, values, ids) : -1;
      if (threadIdx.x == 0) top[row * 10 + side * 5 + i] = id;
      if (id >= 0) {
        last = logits[id];
        lastId = id;
      }
    }
  }
  if (threadIdx.x == 0) {
    sums += row * 8;
    sums[0] = sourceMost + log(sourceSum);
    sums[1] = targetMost + log(targetSum);
    sums[2] = difference / sourceSum;
    sums[3] = source[next[row]];
    sums[4] = target[next[row]];
    sums[5] = source[top[row * 10] < 0 ? 0 : top[row * 10]];
    sums[6] = sourceFinite;
    sums[7] = targetFinite;
  }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    argmax(const float* logits, int vocabulary, int* tokens) {
  __shared__ float values[THREADS / 32];
  __shared__ int ids[THREADS / 32];
  const long long row = blockIdx.x;
  int id = next_best(logits + row * vocabulary, vocabulary, 0, -1, values, ids);
  if (threadIdx.x == 0) tokens[row] = id < 0 ? 0 : id;
}
