/*
 * attention: causal softmax attention of whole sequences, for every layout, in tiles.
 *
 * For window b, query head h, token i, over the tokens j <= i (and j > i - span where span > 0):
 *
 *     score_j = scale * ( q[b,i,h,:n] . k[b,j,h/group,:] + q[b,i,h,n:] . r[b,j,:] )
 *     o[b,i,h,:] = sum_j softmax(score)_j * v[b,j,h/group,:]
 *
 * Shapes    rows of all windows one after another, `tokens` a window; row and head strides for each
 *           operand, elements. k, r and v may lie in one cache row (n: key slice, r: rotary key), or in
 *           an expansion of latents: the host says where.
 * Grid      (tiles of queries, query heads, windows); long tiles first.
 * f32       64 queries x 64 keys a step, 256 threads with 4 x 4 scores and 4 x DV/16 outputs each;
 *           f32 sums, expf: as accurate as the CPU. Any n and r; v up to 512.
 * bf16      128 queries (16 a warp) x 64 keys a step in the tensor cores, K and V double-buffered by
 *           cp.async, online softmax in base 2 in f32, probabilities rounded to bf16. n + r up to 192,
 *           v up to 128, all multiples of 8; the host takes attention_any_bf16_* otherwise.
 * Reads     rows of the window only; of tiles past the end nothing is read.
 * Twin      SelfAttention.java with ScalarOperations; AttentionContract holds these to it.
 * Sources   online softmax: Milakov, Gimelshein, arXiv:1805.02867; tiling: Dao, arXiv:2307.08691.
 */
#include <cstdint>
#include <cuda_bf16.h>

typedef __nv_bfloat16 bf16;

struct Attention {  // the twin of AttentionArguments in CudaAttention.java
  const void* q;
  const void* k;
  const void* r;
  const void* v;
  void* o;
  long long q_row, k_row, r_row, v_row, o_row;
  int q_head, k_head, v_head, o_head;
  int group, nope, rope, value;
  int tokens, span;
  float scale;
  int padding;
};

__device__ __forceinline__ float read(const float* x) { return *x; }
__device__ __forceinline__ float read(const bf16* x) { return __bfloat162float(*x); }
__device__ __forceinline__ void write(float* x, float v) { *x = v; }
__device__ __forceinline__ void write(bf16* x, float v) { *x = __float2bfloat16(v); }

template <typename T, int DV>
__device__ __forceinline__ void attention_any(const Attention& p) {
  constexpr int TILE = 64, DK = 16, KEYS = 4096 / DV;  // V comes by 16 KiB
  constexpr int OV = DV / 16;
  __shared__ float qs[DK][TILE + 4];
  __shared__ float ks[DK][TILE + 4];
  __shared__ float ps[TILE][TILE + 1];
  __shared__ float vs[KEYS][DV];
  const int head = blockIdx.y;
  const long long base = (long long)blockIdx.z * p.tokens;
  const int first = (gridDim.x - 1 - blockIdx.x) * TILE;
  const T* q = static_cast<const T*>(p.q) + base * p.q_row + head * p.q_head;
  const T* k = static_cast<const T*>(p.k) + base * p.k_row + head / p.group * p.k_head;
  const T* r = static_cast<const T*>(p.r) + base * p.r_row;
  const T* v = static_cast<const T*>(p.v) + base * p.v_row + head / p.group * p.v_head;
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  const int width = p.nope + p.rope;
  float o[4][OV], m[4], l[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    m[i] = -INFINITY;
    l[i] = 0;
#pragma unroll
    for (int j = 0; j < OV; j++) o[i][j] = 0;
  }
  int begin = p.span > 0 ? max(0, first - p.span + 1) / TILE * TILE : 0;
  int end = min(p.tokens, first + TILE);
  for (int j0 = begin; j0 < end; j0 += TILE) {
    float s[4][4];
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
      for (int j = 0; j < 4; j++) s[i][j] = 0;
    for (int d0 = 0; d0 < width; d0 += DK) {
      for (int i = threadIdx.x; i < TILE * DK; i += 256) {
        int d = d0 + i % DK, row = i / DK;
        bool inside = d < width && first + row < p.tokens;
        qs[i % DK][row] = inside ? read(q + (first + row) * p.q_row + d) : 0.f;
        inside = d < width && j0 + row < p.tokens;
        ks[i % DK][row] = !inside          ? 0.f
                          : d < p.nope     ? read(k + (j0 + row) * p.k_row + d)
                                           : read(r + (j0 + row) * p.r_row + d - p.nope);
      }
      __syncthreads();
#pragma unroll 4
      for (int d = 0; d < DK; d++) {
        float x[4], y[4];
#pragma unroll
        for (int i = 0; i < 4; i++) x[i] = qs[d][ty * 4 + i];
#pragma unroll
        for (int j = 0; j < 4; j++) y[j] = ks[d][tx + 16 * j];
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
          for (int j = 0; j < 4; j++) s[i][j] = fmaf(x[i], y[j], s[i][j]);
      }
      __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int query = first + ty * 4 + i;
      float most = -INFINITY;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        int key = j0 + tx + 16 * j;
        bool seen = key <= query && key < p.tokens && (p.span == 0 || key > query - p.span);
        s[i][j] = seen ? s[i][j] * p.scale : -INFINITY;
        most = fmaxf(most, s[i][j]);
      }
#pragma unroll
      for (int lane = 8; lane > 0; lane /= 2)
        most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, lane));
      float now = fmaxf(m[i], most);
      float keep = now == -INFINITY ? 1.f : expf(m[i] - now);
      float sum = 0;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        float e = s[i][j] == -INFINITY ? 0.f : expf(s[i][j] - now);
        ps[ty * 4 + i][tx + 16 * j] = e;
        sum += e;
      }
#pragma unroll
      for (int lane = 8; lane > 0; lane /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lane);
      l[i] = l[i] * keep + sum;
      m[i] = now;
#pragma unroll
      for (int j = 0; j < OV; j++) o[i][j] *= keep;
    }
    for (int k0 = 0; k0 < TILE; k0 += KEYS) {
      __syncthreads();
      for (int i = threadIdx.x; i < KEYS * DV; i += 256) {
        int d = i % DV, row = j0 + k0 + i / DV;
        vs[i / DV][d] = d < p.value && row < p.tokens ? read(v + row * p.v_row + d) : 0.f;
      }
      __syncthreads();
#pragma unroll 2
      for (int key = 0; key < KEYS; key++) {
        float x[4];
#pragma unroll
        for (int i = 0; i < 4; i++) x[i] = ps[ty * 4 + i][k0 + key];
#pragma unroll
        for (int j = 0; j < OV; j++) {
          float y = vs[key][tx + 16 * j];
#pragma unroll
          for (int i = 0; i < 4; i++) o[i][j] = fmaf(x[i], y, o[i][j]);
        }
      }
    }
    __syncthreads();
  }
  T* out = static_cast<T*>(p.o) + base * p.o_row + head * p.o_head;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    int query = first + ty * 4 + i;
    if (query >= p.tokens) continue;
#pragma unroll
    for (int j = 0; j < OV; j++) {
      int d = tx + 16 * j;
      if (d < p.value) write(out + query * p.o_row + d, o[i][j] / l[i]);
    }
  }
}

#define ATTENTION_ANY(NAME, T, DV)                                                                 \
  extern "C" __global__ void __launch_bounds__(256) NAME(Attention p) { attention_any<T, DV>(p); }
ATTENTION_ANY(attention_f32_64, float, 64)
ATTENTION_ANY(attention_f32_128, float, 128)
ATTENTION_ANY(attention_f32_256, float, 256)
ATTENTION_ANY(attention_f32_512, float, 512)
ATTENTION_ANY(attention_any_bf16_64, bf16, 64)
ATTENTION_ANY(attention_any_bf16_128, bf16, 128)
ATTENTION_ANY(attention_any_bf16_256, bf16, 256)
ATTENTION_ANY(attention_any_bf16_512, bf16, 512)

__device__ __forceinline__ uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

__device__ __forceinline__ void copy16(uint32_t to, const void* from, bool valid) {
  int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes));
}

__device__ __forceinline__ void ldmatrix(uint32_t (&r)[4], uint32_t at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at));
}

__device__ __forceinline__ void ldmatrix_transposed(uint32_t (&r)[4], uint32_t at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at));
}

__device__ __forceinline__ void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ uint32_t pack(float low, float high) {
  __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<uint32_t*>(&pair);
}

__device__ __forceinline__ float power2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Byte offset of 16-byte chunk `chunk` of row `row`; rows of D elements, D a multiple of 64.
template <int D>
__device__ __forceinline__ uint32_t at(int row, int chunk) {
  return row * D * 2 + ((chunk ^ (row & 7)) << 4);
}

template <int DQ, int DV>
__device__ __forceinline__ void attention_bf16(const Attention& p) {
  constexpr int QUERIES = 128, KEYS = 64;
  constexpr int K_BYTES = KEYS * DQ * 2, V_BYTES = KEYS * DV * 2;
  extern __shared__ __align__(128) char memory[];
  const uint32_t shared = shared_address(memory);
  const uint32_t kv = shared + QUERIES * DQ * 2;
  const int head = blockIdx.y;
  const long long base = (long long)blockIdx.z * p.tokens;
  const int first = (gridDim.x - 1 - blockIdx.x) * QUERIES;
  const bf16* q = static_cast<const bf16*>(p.q) + base * p.q_row + head * p.q_head;
  const bf16* k = static_cast<const bf16*>(p.k) + base * p.k_row + head / p.group * p.k_head;
  const bf16* r = static_cast<const bf16*>(p.r) + base * p.r_row;
  const bf16* v = static_cast<const bf16*>(p.v) + base * p.v_row + head / p.group * p.v_head;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int width = p.nope + p.rope;

  auto load = [&](int j0, int stage) {
    const uint32_t ks = kv + stage * (K_BYTES + V_BYTES), vs = ks + K_BYTES;
#pragma unroll
    for (int i = threadIdx.x; i < KEYS * (DQ / 8); i += 256) {
      int row = i / (DQ / 8), chunk = i % (DQ / 8), d = chunk * 8;
      bool valid = j0 + row < p.tokens && d < width;
      const bf16* from = !valid       ? k
                         : d < p.nope ? k + (j0 + row) * p.k_row + d
                                      : r + (j0 + row) * p.r_row + d - p.nope;
      copy16(ks + at<DQ>(row, chunk), from, valid);
    }
#pragma unroll
    for (int i = threadIdx.x; i < KEYS * (DV / 8); i += 256) {
      int row = i / (DV / 8), chunk = i % (DV / 8), d = chunk * 8;
      bool valid = j0 + row < p.tokens && d < p.value;
      copy16(vs + at<DV>(row, chunk), valid ? v + (j0 + row) * p.v_row + d : v, valid);
    }
  };

#pragma unroll
  for (int i = threadIdx.x; i < QUERIES * (DQ / 8); i += 256) {
    int row = i / (DQ / 8), chunk = i % (DQ / 8), d = chunk * 8;
    bool valid = first + row < p.tokens && d < width;
    copy16(shared + at<DQ>(row, chunk), valid ? q + (first + row) * p.q_row + d : q, valid);
  }
  const int begin = p.span > 0 ? max(0, first - p.span + 1) / KEYS * KEYS : 0;
  const int end = min(p.tokens, first + QUERIES);
  load(begin, 0);
  asm volatile("cp.async.commit_group;");

  uint32_t qf[DQ / 16][4];
  float o[DV / 8][4];
  float m[2] = {-INFINITY, -INFINITY}, l[2] = {0, 0};
#pragma unroll
  for (int j = 0; j < DV / 8; j++)
#pragma unroll
    for (int e = 0; e < 4; e++) o[j][e] = 0;
  const float scale = p.scale * 1.4426950408889634f;
  const int row0 = first + warp * 16 + lane / 4;

  for (int j0 = begin, stage = 0; j0 < end; j0 += KEYS, stage ^= 1) {
    if (j0 + KEYS < end) load(j0 + KEYS, stage ^ 1);
    asm volatile("cp.async.commit_group;");
    asm volatile("cp.async.wait_group 1;");
    __syncthreads();
    const uint32_t ks = kv + stage * (K_BYTES + V_BYTES), vs = ks + K_BYTES;
    if (j0 == begin) {
#pragma unroll
      for (int d = 0; d < DQ / 16; d++)
        ldmatrix(qf[d], shared + at<DQ>(warp * 16 + lane % 16, d * 2 + lane / 16));
    }
    // whole tiles that no query of this warp sees are skipped
    if (j0 <= first + warp * 16 + 15) {
      float s[KEYS / 8][4];
#pragma unroll
      for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) s[j][e] = 0;
#pragma unroll
      for (int d = 0; d < DQ / 16; d++) {
#pragma unroll
        for (int j = 0; j < KEYS / 16; j++) {
          uint32_t kf[4];
          ldmatrix(kf, ks + at<DQ>(j * 16 + lane % 8 + lane / 16 * 8, d * 2 + lane / 8 % 2));
          mma(s[2 * j], qf[d], kf[0], kf[1]);
          mma(s[2 * j + 1], qf[d], kf[2], kf[3]);
        }
      }
      bool mask = j0 + KEYS - 1 > first + warp * 16 || p.span > 0 || j0 + KEYS > p.tokens;
      float most[2] = {-INFINITY, -INFINITY};
#pragma unroll
      for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
          if (mask) {
            int key = j0 + j * 8 + lane % 4 * 2 + e % 2;
            int query = row0 + e / 2 * 8;
            bool seen = key <= query && key < p.tokens && (p.span == 0 || key > query - p.span);
            if (!seen) s[j][e] = -INFINITY;
          }
          most[e / 2] = fmaxf(most[e / 2], s[j][e]);
        }
      float keep[2], sum[2] = {0, 0}, shift[2];
#pragma unroll
      for (int h = 0; h < 2; h++) {
        most[h] = fmaxf(most[h], __shfl_xor_sync(0xffffffffu, most[h], 1));
        most[h] = fmaxf(most[h], __shfl_xor_sync(0xffffffffu, most[h], 2));
        float now = fmaxf(m[h], most[h]);
        shift[h] = now == -INFINITY ? 0.f : now * scale;
        keep[h] = power2(m[h] * scale - shift[h]);
        m[h] = now;
      }
#pragma unroll
      for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
          s[j][e] = power2(fmaf(s[j][e], scale, -shift[e / 2]));
          sum[e / 2] += s[j][e];
        }
#pragma unroll
      for (int h = 0; h < 2; h++) l[h] = l[h] * keep[h] + sum[h];
#pragma unroll
      for (int j = 0; j < DV / 8; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) o[j][e] *= keep[e / 2];
#pragma unroll
      for (int t = 0; t < KEYS / 16; t++) {
        uint32_t pf[4] = {pack(s[2 * t][0], s[2 * t][1]), pack(s[2 * t][2], s[2 * t][3]),
                          pack(s[2 * t + 1][0], s[2 * t + 1][1]),
                          pack(s[2 * t + 1][2], s[2 * t + 1][3])};
#pragma unroll
        for (int j = 0; j < DV / 16; j++) {
          uint32_t vf[4];
          ldmatrix_transposed(vf, vs + at<DV>(t * 16 + lane % 16, j * 2 + lane / 16));
          mma(o[2 * j], pf, vf[0], vf[1]);
          mma(o[2 * j + 1], pf, vf[2], vf[3]);
        }
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int h = 0; h < 2; h++) {
    l[h] += __shfl_xor_sync(0xffffffffu, l[h], 1);
    l[h] += __shfl_xor_sync(0xffffffffu, l[h], 2);
    int query = row0 + h * 8;
    if (query >= p.tokens) continue;
    bf16* out = static_cast<bf16*>(p.o) + (base + query) * p.o_row + head * p.o_head;
    float factor = 1.f / l[h];
#pragma unroll
    for (int j = 0; j < DV / 8; j++) {
      int d = j * 8 + lane % 4 * 2;
      if (d < p.value)
        *reinterpret_cast<uint32_t*>(out + d) = pack(o[j][2 * h] * factor, o[j][2 * h + 1] * factor);
    }
  }
}

extern "C" __global__ void __launch_bounds__(256, 1) attention_bf16_64_64(Attention p) {
  attention_bf16<64, 64>(p);
}
extern "C" __global__ void __launch_bounds__(256, 1) attention_bf16_128_128(Attention p) {
  attention_bf16<128, 128>(p);
}
extern "C" __global__ void __launch_bounds__(256, 1) attention_bf16_192_128(Attention p) {
  attention_bf16<192, 128>(p);
}

// Softmax probabilities of one head of one window, [tokens, tokens]; a block a query.
extern "C" __global__ void __launch_bounds__(256) attention_probabilities_f32(Attention p, int head) {
  __shared__ float parts[8];
  const int query = blockIdx.x;
  const float* q = static_cast<const float*>(p.q) + query * p.q_row + head * p.q_head;
  const float* k = static_cast<const float*>(p.k) + head / p.group * p.k_head;
  const float* r = static_cast<const float*>(p.r);
  float* out = static_cast<float*>(p.o) + (long long)query * p.tokens;
  const int begin = p.span > 0 ? max(0, query - p.span + 1) : 0;
  float most = -INFINITY;
  for (int key = threadIdx.x; key < p.tokens; key += 256) {
    float score = -INFINITY;
    if (key <= query && key >= begin) {
      score = 0;
      for (int d = 0; d < p.nope; d++) score = fmaf(q[d], k[key * p.k_row + d], score);
      for (int d = 0; d < p.rope; d++) score = fmaf(q[p.nope + d], r[key * p.r_row + d], score);
      score *= p.scale;
    }
    out[key] = score;
    most = fmaxf(most, score);
  }
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, lane));
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = most;
  __syncthreads();
  most = parts[0];
#pragma unroll
  for (int i = 1; i < 8; i++) most = fmaxf(most, parts[i]);
  __syncthreads();
  float sum = 0;
  for (int key = threadIdx.x; key < p.tokens; key += 256) {
    float e = out[key] == -INFINITY ? 0.f : expf(out[key] - most);
    out[key] = e;
    sum += e;
  }
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lane);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
  __syncthreads();
  sum = 0;
#pragma unroll
  for (int i = 0; i < 8; i++) sum += parts[i];
  for (int key = threadIdx.x; key < p.tokens; key += 256) out[key] /= sum;
}
