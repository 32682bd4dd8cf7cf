/*
 * gemm: matrix products where cuBLAS is not there.
 *
 *     C = A . B^T (+ C)      gemm_*_nt, B is [n, k]: every linear layer
 *     C = A . B   (+ C)      gemm_*_nn, B is [k, n]: absorption of an up-projection
 *
 * Shapes    A [batch, m, k], B [batch, n, k] or [batch, k, n], C [batch, m, n], row-major; a stride
 *           from row to row and one from product to product for each, elements.
 * Types     bf16: A and B bf16, C bf16 or f32, sums f32 in the tensor cores (mma.sync m16n8k16).
 *           f32:  A, B and C f32, sums f32 by fused multiply-adds in order of k.
 * Grid      (tiles of n, tiles of m, batch); a block owns one tile of C.
 * Block     256 threads (128 for gemm_bf16_small). bf16: warps hold (BM/WM) x (BN/WN) tiles, operands
 *           come by cp.async through STAGES buffers of 32 columns, swizzled so that ldmatrix meets no
 *           bank twice. f32: 128 x 128 tiles, 8 x 8 outputs a thread.
 * Numerics  the order of a sum depends on the tile alone, never on timing: two runs give equal bits.
 * Limits    bf16: k, strides and addresses multiples of 8 elements (and n of 8 for nn); the host takes
 *           gemm_bf16_any_* otherwise, which is slow and takes everything.
 * Twin      cuBLAS through CublasGemm.java, and Products on the CPU; GemmContract holds them together.
 * Speed     bench/gpu-forward.md.
 */
#include <cstdint>
#include <cuda_bf16.h>

typedef __nv_bfloat16 bf16;

struct Product {  // the twin of GemmArguments in KernelGemm.java
  const void* a;
  const void* b;
  void* c;
  long long a_batch, b_batch, c_batch;  // elements from one product to the next
  int m, n, k;
  int lda, ldb, ldc;  // elements from one row to the next
  int add;            // whether C is added to
  int c_float;        // whether C is f32 (else bf16)
};

__device__ __forceinline__ uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

__device__ __forceinline__ void copy16(uint32_t to, const void* from, bool valid) {
  int bytes = valid ? 16 : 0;  // the rest is zeros
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
  asm(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Byte offset of 16-byte chunk `chunk` of row `row` in a tile of 32 columns (64-byte rows).
__device__ __forceinline__ uint32_t narrow(int row, int chunk) {
  return row * 64 + ((chunk ^ ((row >> 1) & 3)) << 4);
}

template <int BM, int BN, int WM, int WN, int STAGES, bool PLAIN>
__device__ __forceinline__ void gemm_bf16(const Product& p) {
  constexpr int BK = 32;
  constexpr int THREADS = (BM / WM) * (BN / WN) * 32;
  constexpr int A_BYTES = BM * BK * 2;
  constexpr int B_BYTES = BN * BK * 2;
  constexpr int MT = WM / 16;
  constexpr int NT = WN / 8;
  extern __shared__ __align__(128) char memory[];
  const uint32_t base = shared_address(memory);
  const bf16* a = static_cast<const bf16*>(p.a) + blockIdx.z * p.a_batch;
  const bf16* b = static_cast<const bf16*>(p.b) + blockIdx.z * p.b_batch;
  const int row0 = blockIdx.y * BM;
  const int col0 = blockIdx.x * BN;
  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const int wm = warp % (BM / WM) * WM;
  const int wn = warp / (BM / WM) * WN;
  const int steps = (p.k + BK - 1) / BK;

  // a thread carries the same chunk of every (THREADS / 4)-th row, so that addresses only move along k
  constexpr int STEP_ROWS = THREADS / 4;
  const int first = threadIdx.x / 4, mine = threadIdx.x % 4;
  const bf16* a_at = a + (long long)(row0 + first) * p.lda + mine * 8;
  const bf16* b_at = b + (long long)(col0 + first) * p.ldb + mine * 8;
  const long long a_step = (long long)STEP_ROWS * p.lda, b_step = (long long)STEP_ROWS * p.ldb;

  auto load = [&](int step) {
    const uint32_t stage = base + (step % STAGES) * (A_BYTES + B_BYTES);
    const int k0 = step * BK;
    const bool inside = k0 + mine * 8 < p.k;
#pragma unroll
    for (int i = 0; i < (BM + STEP_ROWS - 1) / STEP_ROWS; i++) {
      int row = first + i * STEP_ROWS;
      if (BM % STEP_ROWS != 0 && row >= BM) break;
      bool valid = inside && row0 + row < p.m;
      copy16(stage + narrow(row, mine), valid ? a_at + i * a_step + k0 : a, valid);
    }
    if constexpr (!PLAIN) {
#pragma unroll
      for (int i = 0; i < BN / STEP_ROWS; i++) {
        int row = first + i * STEP_ROWS;
        bool valid = inside && col0 + row < p.n;
        copy16(stage + A_BYTES + narrow(row, mine), valid ? b_at + i * b_step + k0 : b, valid);
      }
    } else {
#pragma unroll
      for (int i = threadIdx.x; i < BK * (BN / 8); i += THREADS) {
        int row = i / (BN / 8), chunk = i % (BN / 8);
        bool valid = k0 + row < p.k && col0 + chunk * 8 < p.n;
        copy16(stage + A_BYTES + row * BN * 2 + ((chunk ^ (row & 7)) << 4),
               valid ? b + (long long)(k0 + row) * p.ldb + col0 + chunk * 8 : b, valid);
      }
    }
  };

  float c[MT][NT][4];
#pragma unroll
  for (int i = 0; i < MT; i++)
#pragma unroll
    for (int j = 0; j < NT; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) c[i][j][e] = 0;

#pragma unroll
  for (int s = 0; s < STAGES - 1; s++) {
    if (s < steps) load(s);
    asm volatile("cp.async.commit_group;");
  }
  for (int step = 0; step < steps; step++) {
    asm volatile("cp.async.wait_group %0;" ::"n"(STAGES - 2));
    __syncthreads();
    const uint32_t at = base + (step % STAGES) * (A_BYTES + B_BYTES);
    const uint32_t bt = at + A_BYTES;
    // one half of the columns is fetched while the other is multiplied
    uint32_t af[2][MT][4], bf[2][NT / 2][4];
    auto fetch = [&](int kk) {
#pragma unroll
      for (int i = 0; i < MT; i++)
        ldmatrix(af[kk][i], at + narrow(wm + i * 16 + lane % 16, kk * 2 + lane / 16));
#pragma unroll
      for (int j = 0; j < NT / 2; j++) {
        if constexpr (!PLAIN) {
          // matrices: (n 0-7, k 0-7), (n 0-7, k 8-15), (n 8-15, k 0-7), (n 8-15, k 8-15)
          ldmatrix(bf[kk][j],
                   bt + narrow(wn + j * 16 + lane % 8 + lane / 16 * 8, kk * 2 + lane / 8 % 2));
        } else {
          int row = kk * 16 + lane % 16;
          int chunk = wn / 8 + j * 2 + lane / 16;
          ldmatrix_transposed(bf[kk][j], bt + row * BN * 2 + ((chunk ^ (row & 7)) << 4));
        }
      }
    };
    fetch(0);
    fetch(1);
    if (step + STAGES - 1 < steps) load(step + STAGES - 1);
    asm volatile("cp.async.commit_group;");
#pragma unroll
    for (int kk = 0; kk < 2; kk++)
#pragma unroll
      for (int j = 0; j < NT / 2; j++)
#pragma unroll
        for (int i = 0; i < MT; i++) {
          mma(c[i][2 * j], af[kk][i], bf[kk][j][0], bf[kk][j][1]);
          mma(c[i][2 * j + 1], af[kk][i], bf[kk][j][2], bf[kk][j][3]);
        }
  }

#pragma unroll
  for (int i = 0; i < MT; i++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int row = row0 + wm + i * 16 + half * 8 + lane / 4;
      if (row >= p.m) continue;
      long long start = blockIdx.z * p.c_batch + (long long)row * p.ldc;
#pragma unroll
      for (int j = 0; j < NT; j++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
          int col = col0 + wn + j * 8 + lane % 4 * 2 + e;
          if (col >= p.n) continue;
          float value = c[i][j][half * 2 + e];
          if (p.c_float) {
            float* out = static_cast<float*>(p.c) + start + col;
            *out = p.add ? *out + value : value;
          } else {
            bf16* out = static_cast<bf16*>(p.c) + start + col;
            *out = __float2bfloat16(p.add ? __bfloat162float(*out) + value : value);
          }
        }
    }
}

extern "C" __global__ void __launch_bounds__(256, 1) gemm_bf16_nt(Product p) {
  gemm_bf16<128, 256, 64, 64, 4, false>(p);
}

extern "C" __global__ void __launch_bounds__(256) gemm_bf16_nt_medium(Product p) {
  gemm_bf16<128, 128, 64, 32, 4, false>(p);
}

extern "C" __global__ void __launch_bounds__(128) gemm_bf16_nt_small(Product p) {
  gemm_bf16<16, 64, 16, 16, 6, false>(p);
}

extern "C" __global__ void __launch_bounds__(256) gemm_bf16_nn(Product p) {
  gemm_bf16<128, 128, 64, 32, 4, true>(p);
}

__device__ __forceinline__ float read(const float* x) { return *x; }
__device__ __forceinline__ float read(const bf16* x) { return __bfloat162float(*x); }
__device__ __forceinline__ void write(float* x, float v) { *x = v; }
__device__ __forceinline__ void write(bf16* x, float v) { *x = __float2bfloat16(v); }

// 128 x 128 outputs a block, 16 columns of A and B at a time, 8 x 8 outputs a thread.
template <typename T, typename C, bool PLAIN>
__device__ __forceinline__ void gemm_any(const Product& p) {
  constexpr int TILE = 128, BK = 16;
  __shared__ float as[BK][TILE + 4];
  __shared__ float bs[BK][TILE + 4];
  const T* a = static_cast<const T*>(p.a) + blockIdx.z * p.a_batch;
  const T* b = static_cast<const T*>(p.b) + blockIdx.z * p.b_batch;
  const int row0 = blockIdx.y * TILE, col0 = blockIdx.x * TILE;
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  float c[8][8];
#pragma unroll
  for (int i = 0; i < 8; i++)
#pragma unroll
    for (int j = 0; j < 8; j++) c[i][j] = 0;
  for (int k0 = 0; k0 < p.k; k0 += BK) {
#pragma unroll
    for (int i = threadIdx.x; i < TILE * BK; i += 256) {
      int k = i % BK, row = i / BK;
      bool inside = row0 + row < p.m && k0 + k < p.k;
      as[k][row] = inside ? read(a + (long long)(row0 + row) * p.lda + k0 + k) : 0.f;
    }
    if (PLAIN) {
#pragma unroll
      for (int i = threadIdx.x; i < TILE * BK; i += 256) {
        int col = i % TILE, k = i / TILE;
        bool inside = col0 + col < p.n && k0 + k < p.k;
        bs[k][col] = inside ? read(b + (long long)(k0 + k) * p.ldb + col0 + col) : 0.f;
      }
    } else {
#pragma unroll
      for (int i = threadIdx.x; i < TILE * BK; i += 256) {
        int k = i % BK, col = i / BK;
        bool inside = col0 + col < p.n && k0 + k < p.k;
        bs[k][col] = inside ? read(b + (long long)(col0 + col) * p.ldb + k0 + k) : 0.f;
      }
    }
    __syncthreads();
#pragma unroll 4
    for (int k = 0; k < BK; k++) {
      float x[8], y[8];
#pragma unroll
      for (int i = 0; i < 8; i++) x[i] = as[k][ty * 4 + i % 4 + i / 4 * 64];
#pragma unroll
      for (int j = 0; j < 8; j++) y[j] = bs[k][tx * 4 + j % 4 + j / 4 * 64];
#pragma unroll
      for (int i = 0; i < 8; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) c[i][j] = fmaf(x[i], y[j], c[i][j]);
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 8; i++) {
    int row = row0 + ty * 4 + i % 4 + i / 4 * 64;
    if (row >= p.m) continue;
#pragma unroll
    for (int j = 0; j < 8; j++) {
      int col = col0 + tx * 4 + j % 4 + j / 4 * 64;
      if (col >= p.n) continue;
      C* out = static_cast<C*>(p.c) + blockIdx.z * p.c_batch + (long long)row * p.ldc + col;
      write(out, p.add ? read(out) + c[i][j] : c[i][j]);
    }
  }
}

extern "C" __global__ void __launch_bounds__(256) gemm_f32_nt(Product p) {
  gemm_any<float, float, false>(p);
}

extern "C" __global__ void __launch_bounds__(256) gemm_f32_nn(Product p) {
  gemm_any<float, float, true>(p);
}

extern "C" __global__ void __launch_bounds__(256) gemm_bf16_any_nt(Product p) {
  if (p.c_float) {
    gemm_any<bf16, float, false>(p);
  } else {
    gemm_any<bf16, bf16, false>(p);
  }
}

extern "C" __global__ void __launch_bounds__(256) gemm_bf16_any_nn(Product p) {
  if (p.c_float) {
    gemm_any<bf16, float, true>(p);
  } else {
    gemm_any<bf16, bf16, true>(p);
  }
}
