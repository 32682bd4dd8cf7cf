/*
 * fit: what a step of training an attention layer is made of, beside what forward.cu has.
 *
 * All float32; sums are formed in an order that depends on shapes alone, without atomics, so that two
 * runs give equal bits.
 *
 *   fit_SIZE_FORM     C = alpha op(A) op(B) (+ C) for a batch of two levels     a block a tile of C
 *                     SIZE: large 128x128, medium 64x64, narrow 128x32; FORM: nn, nt, tn
 *   fit_reduce        sums the shares of products that were split along their depth
 *   fit_gather        copies blocks of elements by index
 *   fit_add_bias      x += b
 *   fit_softmax       causal softmax in place                                    a warp a row
 *   fit_unweigh       its transpose                                              a warp a row
 *   fit_fold          sums over groups of heads
 *   fit_residual, fit_total   difference, scaled in place, and its sum of squares
 *   fit_follow, fit_move      Adam
 *
 * Twin      ScalarTrainingMath.java is the definition; TrainingContract holds these to it.
 */
#include "fit.cuh"

struct Panel {  // the twin of Panel.java
  float* at;
  long long outer, inner;
  int stride, share;
};

struct Product {
  Panel a, b, c;
  float* shares;  // of the depth: [batch, splits, rows, columns]; none where it is not split
  int rows, columns, depth, inner, triangle, add, splits;
  float alpha;
};

enum { WHOLE = 0, RESULT = 1, LEFT = 2 };

__device__ __forceinline__ float* member(const Panel& p, int outer, int inner) {
  return p.at + outer * p.outer + inner / p.share * p.inner;
}

constexpr int THREADS = 256;

// A tile [EXTENT, DEPTH] on its way to shared memory. Its elements lie along the depth in memory
// (ALONG) or across it; neighbours in a warp read neighbours in memory.
template <int EXTENT, int DEPTH, bool ALONG>
struct Stage {
  static constexpr int EACH = EXTENT * DEPTH / THREADS;
  float held[EACH];

  static __device__ __forceinline__ int k(int e) { return ALONG ? e % DEPTH : e / EXTENT; }
  static __device__ __forceinline__ int m(int e) { return ALONG ? e / DEPTH : e % EXTENT; }

  __device__ __forceinline__ void load(const float* from, int stride, int first, int extent, int k0,
                                       int end) {
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      int e = threadIdx.x + i * THREADS;
      int row = first + m(e), depth = k0 + k(e);
      bool inside = row < extent && depth < end;
      long long at = ALONG ? (long long)row * stride + depth : (long long)depth * stride + row;
      held[i] = inside ? from[at] : 0.f;
    }
  }

  __device__ __forceinline__ void store(float (*to)[EXTENT + 4]) const {
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      int e = threadIdx.x + i * THREADS;
      to[k(e)][m(e)] = held[i];
    }
  }
};

// Which part of the depth matters to a tile of C that begins at row m0.
template <int BM, int DEPTH, bool LEFT_TRANSPOSED>
__device__ __forceinline__ void bounds(const Product& p, int m0, int split, int* begin, int* end) {
  int each = ((p.depth + p.splits - 1) / p.splits + DEPTH - 1) / DEPTH * DEPTH;
  *begin = split * each;
  *end = least(p.depth, *begin + each);
  if (p.triangle == LEFT) {
    if (LEFT_TRANSPOSED) *begin = most(*begin, m0);
    else *end = least(*end, m0 + BM);
  }
}

template <int BM, int BN, int TM, int TN, int DEPTH, bool LEFT_TRANSPOSED, bool RIGHT_TRANSPOSED>
__device__ __forceinline__ void multiply(const Product& p) {
  static_assert(BM / TM * (BN / TN) == THREADS, "a thread makes TM x TN elements");
  __shared__ float as[DEPTH][BM + 4];
  __shared__ float bs[DEPTH][BN + 4];
  int m0 = blockIdx.y * BM, n0 = blockIdx.x * BN;
  if (p.triangle == RESULT && n0 > m0 + BM - 1) return;
  int split = blockIdx.z % p.splits, batch = blockIdx.z / p.splits;
  int outer = batch / p.inner, inner = batch % p.inner;
  const float* a = member(p.a, outer, inner);
  const float* b = member(p.b, outer, inner);
  int begin, end;
  bounds<BM, DEPTH, LEFT_TRANSPOSED>(p, m0, split, &begin, &end);
  int tx = threadIdx.x % (BN / TN), ty = threadIdx.x / (BN / TN);
  float sum[TM][TN] = {};
  Stage<BM, DEPTH, !LEFT_TRANSPOSED> next_a;
  Stage<BN, DEPTH, RIGHT_TRANSPOSED> next_b;
  next_a.load(a, p.a.stride, m0, p.rows, begin, end);
  next_b.load(b, p.b.stride, n0, p.columns, begin, end);
  for (int k0 = begin; k0 < end; k0 += DEPTH) {
    next_a.store(as);
    next_b.store(bs);
    __syncthreads();
    if (k0 + DEPTH < end) {
      next_a.load(a, p.a.stride, m0, p.rows, k0 + DEPTH, end);
      next_b.load(b, p.b.stride, n0, p.columns, k0 + DEPTH, end);
    }
#pragma unroll
    for (int k = 0; k < DEPTH; k++) {
      float x[TM], y[TN];
#pragma unroll
      for (int i = 0; i < TM; i += 4)
        *(float4*)(x + i) = *(const float4*)&as[k][i * (BM / TM) + ty * 4];
#pragma unroll
      for (int j = 0; j < TN; j += 4)
        *(float4*)(y + j) = *(const float4*)&bs[k][j * (BN / TN) + tx * 4];
#pragma unroll
      for (int i = 0; i < TM; i++)
#pragma unroll
        for (int j = 0; j < TN; j++) sum[i][j] = fmaf(x[i], y[j], sum[i][j]);
    }
    __syncthreads();
  }
  float* c = p.splits == 1 ? member(p.c, outer, inner)
                           : p.shares + (long long)blockIdx.z * p.rows * p.columns;
  int stride = p.splits == 1 ? p.c.stride : p.columns;
#pragma unroll
  for (int i = 0; i < TM; i++) {
    int row = m0 + i / 4 * 4 * (BM / TM) + ty * 4 + i % 4;
    if (row >= p.rows) continue;
#pragma unroll
    for (int j = 0; j < TN; j++) {
      int column = n0 + j / 4 * 4 * (BN / TN) + tx * 4 + j % 4;
      if (column >= p.columns) continue;
      float* to = c + (long long)row * stride + column;
      float v = p.splits == 1 ? p.alpha * sum[i][j] : sum[i][j];
      *to = p.splits == 1 && p.add ? *to + v : v;
    }
  }
}

#define FORMS(SIZE, BM, BN, TM, TN, DEPTH)                                        \
  extern "C" __global__ void __launch_bounds__(256, 2) fit_##SIZE##_nn(Product p) { \
    multiply<BM, BN, TM, TN, DEPTH, false, false>(p);                               \
  }                                                                                 \
  extern "C" __global__ void __launch_bounds__(256, 2) fit_##SIZE##_nt(Product p) { \
    multiply<BM, BN, TM, TN, DEPTH, false, true>(p);                                \
  }                                                                                 \
  extern "C" __global__ void __launch_bounds__(256, 2) fit_##SIZE##_tn(Product p) { \
    multiply<BM, BN, TM, TN, DEPTH, true, false>(p);                                \
  }
FORMS(large, 128, 128, 8, 8, 8)
FORMS(medium, 64, 64, 4, 4, 16)
FORMS(narrow, 128, 32, 4, 4, 16)

extern "C" __global__ void fit_reduce(Product p, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  long long each = (long long)p.rows * p.columns;
  int batch = i / each;
  long long at = i % each;
  float sum = 0;
  for (int s = 0; s < p.splits; s++) sum += p.shares[((long long)batch * p.splits + s) * each + at];
  float* to = member(p.c, batch / p.inner, batch % p.inner) + at / p.columns * p.c.stride +
              at % p.columns;
  *to = p.add ? *to + p.alpha * sum : p.alpha * sum;
}

constexpr int BLOCKS = 64;

struct Indices {
  int at[BLOCKS];
};

extern "C" __global__ void fit_gather(const float* from, float* to, Indices blocks, int each) {
  int block = blocks.at[blockIdx.y];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (block < 0 || i >= each) return;
  to[(long long)blockIdx.y * each + i] = from[(long long)block * each + i];
}

extern "C" __global__ void fit_add_bias(float* x, const float* bias, int width, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i < count) x[i] += bias[i % width];
}

constexpr int ZEROED = 128;  // TrainingMath.ZEROED

__device__ __forceinline__ int zeroed(int row, int tokens) {
  return least(tokens, (row / ZEROED + 1) * ZEROED);
}

extern "C" __global__ void fit_softmax(float* scores, long long rows, int tokens, int window) {
  long long r = blockIdx.x * (long long)(blockDim.x / 32) + threadIdx.x / 32;
  int lane = threadIdx.x % 32;
  if (r >= rows) return;
  int row = r % tokens;
  float* s = scores + r * tokens;
  int begin = window == 0 ? 0 : most(0, row - window + 1);
  float largest = -INFINITY;
  for (int j = begin + lane; j <= row; j += 32) largest = fmaxf(largest, s[j]);
  largest = warp_most(largest);
  float sum = 0;
  for (int j = begin + lane; j <= row; j += 32) sum += expf(s[j] - largest);
  sum = warp_sum(sum);
  for (int j = lane; j < zeroed(row, tokens); j += 32)
    s[j] = j < begin || j > row ? 0.f : expf(s[j] - largest) / sum;
}

extern "C" __global__ void fit_unweigh(float* scores, const float* probabilities,
                                       const float* outputs, const float* heads, Heads h,
                                       float scale, long long rows) {
  long long r = blockIdx.x * (long long)(blockDim.x / 32) + threadIdx.x / 32;
  int lane = threadIdx.x % 32;
  if (r >= rows) return;
  int row = r % h.tokens;
  int head = r / h.tokens % h.heads;
  long long at = (r / h.tokens / h.heads * h.tokens + row) * h.heads * h.width +
                 (long long)head * h.width;
  float mean = 0;
  for (int c = lane; c < h.width; c += 32) mean = fmaf(outputs[at + c], heads[at + c], mean);
  mean = warp_sum(mean);
  float* s = scores + r * h.tokens;
  const float* p = probabilities + r * h.tokens;
  for (int j = lane; j < zeroed(row, h.tokens); j += 32)
    s[j] = j > row ? 0.f : scale * p[j] * (s[j] - mean);
}

extern "C" __global__ void fit_fold(const float* from, float* to, Fold f, long long count) {
  fold(from, to, f, count);
}

constexpr int TOTALS = 512;  // blocks of fit_residual

// Sums over a block of 256 threads, in a fixed order.
__device__ __forceinline__ double block_sum(double x) {
  __shared__ double sums[256];
  sums[threadIdx.x] = x;
  __syncthreads();
#pragma unroll
  for (int half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  return sums[0];
}

extern "C" __global__ void fit_residual(float* output, const float* target, long long count,
                                        float scale, double* totals) {
  double sum = 0;
  for (long long i = blockIdx.x * 256ll + threadIdx.x; i < count; i += TOTALS * 256ll) {
    float difference = output[i] - target[i];
    sum += (double)difference * difference;
    output[i] = scale * difference;
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) totals[blockIdx.x] = sum;
}

extern "C" __global__ void fit_total(const double* totals, float* error, int add) {
  double sum = block_sum(totals[threadIdx.x] + totals[threadIdx.x + 256]);
  if (threadIdx.x == 0) *error = (float)(add ? *error + sum : sum);
}

struct Follow {  // the twin of Follow
  float mean_share, square_share, mean_bias, square_bias, tiny, unused;
};

extern "C" __global__ void fit_follow(float* gradient, float* mean, float* square, Follow f,
                                      long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  float g = gradient[i];
  float m = mean[i] + f.mean_share * (g - mean[i]);
  float s = square[i] + f.square_share * (g * g - square[i]);
  mean[i] = m;
  square[i] = s;
  gradient[i] = f.mean_bias * m / (sqrtf(f.square_bias * s) + f.tiny);
}

extern "C" __global__ void fit_move(float* values, const float* gradient, const float* step,
                                    float length, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  if (values[i] != 0 || gradient[i] != 0) values[i] -= length * step[i];
}
