/*
 * decode_generic: any row layout, float32 or BF16 cache, plain float32 arithmetic.
 *
 * The kernel for what the tensor-core kernels do not take: float32 caches and odd widths. See
 * decode.cuh for what is computed.
 *
 * Grid      (tiles of ROWS query rows of a state) x stateHeads x parts, the first fastest.
 * Block     256 threads. TOKENS rows of one state and its rotary key lie in shared memory as
 *           float32; thread t scores row t / TOKENS against token t % TOKENS; then each thread owns
 *           up to ITEMS elements of the output, element t + 256 i.
 * Shared    (ROWS * queryDim + TOKENS * (stateDim + ropeDim + 1) + ROWS * (TOKENS + 3)) * 4 bytes.
 * Limits    valueWidth <= 512.
 */
#include "decode.cuh"

namespace {
constexpr int THREADS = 256;
constexpr int ROWS = 16;
constexpr int TOKENS = 16;
constexpr int ITEMS = ROWS * 512 / THREADS;

__device__ __forceinline__ float element(const float* p) { return *p; }
__device__ __forceinline__ float element(const uint16_t* p) { return ptx::float_of(*p); }

struct Shared {
  float *query, *rows, *weights, *largest, *sum, *factor;
  int queryDim, stride;
};

__device__ Shared carve(const DecodeArguments& a, float* memory) {
  Shared s;
  s.queryDim = a.keyWidth + a.ropeDim;
  s.stride = (a.stateDim + a.ropeDim) | 1;  // odd: threads of a warp read TOKENS rows at once
  s.query = memory;
  s.rows = s.query + ROWS * s.queryDim;
  s.weights = s.rows + TOKENS * s.stride;
  s.largest = s.weights + ROWS * TOKENS;
  s.sum = s.largest + ROWS;
  s.factor = s.sum + ROWS;
  return s;
}

template <typename T>
__device__ void load_rows(const DecodeArguments& a, const Shared& s, const Segment& seg, int state, int token,
                          int behind) {
  const T* cache = static_cast<const T*>(a.cache);
  const int width = a.stateDim + a.ropeDim;
  const long long page = a.table[static_cast<long long>(seg.request) * a.tableStride + token / PAGE];
  for (int i = threadIdx.x; i < TOKENS * width; i += THREADS) {
    const int t = i / width, column = i % width;
    const int from = column < a.stateDim ? state * a.stateDim + column
                                         : (a.stateHeads - 1) * a.stateDim + column;
    const T* row = cache + page * a.pageStride + static_cast<long long>((token + t) % PAGE) * row_elements(a);
    s.rows[t * s.stride + column] = token + t < behind ? element(row + from) : 0.0f;
  }
}

// Score, largest score so far, weights and the factor that outdated sums are multiplied by.
__device__ void weigh(const DecodeArguments& a, const Shared& s, QueryRow row, Sight seen, int token) {
  const int r = threadIdx.x / TOKENS, t = threadIdx.x % TOKENS;
  const float* q = s.query + r * s.queryDim;
  const float* k = s.rows + t * s.stride;
  float score = 0;
  for (int i = 0; i < a.keyWidth; i++) score = fmaf(q[i], k[a.keyStart + i], score);
  for (int i = 0; i < a.ropeDim; i++) score = fmaf(q[a.keyWidth + i], k[a.stateDim + i], score);
  score *= a.scaleLog2;
  if (!row.valid || token + t < seen.first || token + t >= seen.behind) score = -INFINITY;
  float largest = score;
  for (int lane = TOKENS / 2; lane > 0; lane /= 2) {
    largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, lane, TOKENS));
  }
  const float before = s.largest[r];
  largest = fmaxf(largest, before);
  const float weight = largest == -INFINITY ? 0.0f : exp2f(score - largest);
  float sum = weight;
  for (int lane = TOKENS / 2; lane > 0; lane /= 2) sum += __shfl_xor_sync(~0u, sum, lane, TOKENS);
  s.weights[r * TOKENS + t] = weight;
  __syncwarp();
  if (t == 0) {
    const float factor = largest == -INFINITY ? 0.0f : exp2f(before - largest);
    s.factor[r] = factor;
    s.largest[r] = largest;
    s.sum[r] = s.sum[r] * factor + sum;
  }
}

template <typename T>
__device__ void decode(const DecodeArguments& a) {
  extern __shared__ float memory[];
  const Shared s = carve(a, memory);
  const int rowTiles = (group(a) * a.queryLength + ROWS - 1) / ROWS;
  const int tile = blockIdx.x % rowTiles, state = blockIdx.x / rowTiles % a.stateHeads;
  const int part = blockIdx.x / (rowTiles * a.stateHeads);
  const QueryRow row = query_row(a, state, tile * ROWS + threadIdx.x / TOKENS);
  for (Segment seg = segment(a, part); seg.request >= 0; seg = following(a, seg)) {
    const int length = seg.length;
    const Sight seen = sight(a, length, row.token);
    for (int j = threadIdx.x; j < ROWS * s.queryDim; j += THREADS) {
      const QueryRow of = query_row(a, state, tile * ROWS + j / s.queryDim);
      s.query[j] = of.valid
          ? query_element(a, query_index(a, seg.request, of) * s.queryDim + j % s.queryDim) : 0.0f;
    }
    if (threadIdx.x < ROWS) {
      s.largest[threadIdx.x] = -INFINITY;
      s.sum[threadIdx.x] = 0;
    }
    float output[ITEMS] = {};
    const int behind = min(length, seg.end * PAGE);
    for (int token = seg.begin * PAGE; token < behind; token += TOKENS) {
      __syncthreads();
      load_rows<T>(a, s, seg, state, token, behind);
      __syncthreads();
      weigh(a, s, row, seen, token);
      __syncthreads();
#pragma unroll
      for (int n = 0; n < ITEMS; n++) {
        const int item = threadIdx.x + THREADS * n;
        if (item >= ROWS * a.valueWidth) break;
        const int r = item / a.valueWidth;
        const float* value = s.rows + a.valueStart + item % a.valueWidth;
        float sum = output[n] * s.factor[r];
#pragma unroll 4
        for (int t = 0; t < TOKENS; t++) sum = fmaf(s.weights[r * TOKENS + t], value[t * s.stride], sum);
        output[n] = sum;
      }
    }
    __syncthreads();
#pragma unroll
    for (int n = 0; n < ITEMS; n++) {
      const int item = threadIdx.x + THREADS * n;
      if (item >= ROWS * a.valueWidth) break;
      const int r = item / a.valueWidth, column = item % a.valueWidth;
      const QueryRow of = query_row(a, state, tile * ROWS + r);
      if (!of.valid) continue;
      const float value = s.sum[r] > 0 ? output[n] / s.sum[r] : 0.0f;
      const Target to(a, seg, of);
      to.store(column, value);
      if (column == 0) to.store_log(s.largest[r], s.sum[r]);
    }
    __syncthreads();
    finish<1>(a, seg, {0, THREADS, static_cast<int>(threadIdx.x)}, blockIdx.x % (rowTiles * a.stateHeads),
              rowTiles * a.stateHeads, state, 1, tile * ROWS, ROWS);
  }
}
}  // namespace

extern "C" __global__ void __launch_bounds__(THREADS) decode_generic_f32(const __grid_constant__ DecodeArguments a) {
  decode<float>(a);
}
extern "C" __global__ void __launch_bounds__(THREADS) decode_generic_bf16(const __grid_constant__ DecodeArguments a) {
  decode<uint16_t>(a);
}
