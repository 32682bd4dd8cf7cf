/*
 * decode_latent_*: MLA and GLA with BF16 caches in absorbed form, mma.sync and cp.async (sm_80 on).
 *
 * See decode.cuh for what is computed; here key = value = the whole state (256 or 512 elements),
 * plus a rotary key of 64. The kernel for up to 16 query rows a state, as a tensor-parallel rank has
 * them; more rows are further row tiles, which read the same cache rows through L2. On sm_90
 * decode_wgmma.sm_90a.cu takes over where there are many rows.
 *
 * Grid      stateHeads x row tiles x parts, the first fastest.
 * Block     8 warps. First product: warp (half, quarter) multiplies one half of the key's elements
 *           (its part of the query stays in registers) with 16 of the tile's 64 tokens; the halves
 *           meet in shared memory. Every warp then adds them up and computes all weights itself:
 *           that costs less than handing weights round. Second product: each warp averages its
 *           eighth of the value's elements over the whole tile.
 * Shared    STAGES tiles of 64 rows (decode_tile.cuh), then [2][16][72] float32 scores.
 * Numerics  as decode_grouped.cu.
 */
#include "decode_tile.cuh"

namespace {
constexpr int WARPS = 8;
constexpr int ROPE = 64;
constexpr int SCORE_STRIDE = PAGE + 8;  // floats; the pad spreads rows over the banks

template <int LATENT>
__device__ __forceinline__ void load_tile(const DecodeArguments& a, int state, uint32_t tile, int page, int token,
                                          int behind) {
  constexpr int CHUNKS = (LATENT + ROPE) / 8;
  const uint16_t* rows = static_cast<const uint16_t*>(a.cache) + page * a.pageStride;
  const int elements = row_elements(a);
  const int rope = (a.stateHeads - 1) * LATENT;
#pragma unroll
  for (int i = 0; i < CHUNKS * PAGE / (32 * WARPS); i++) {
    const int index = threadIdx.x + 32 * WARPS * i;
    const int t = index / CHUNKS, c = index % CHUNKS;
    const uint16_t* from = rows + t * elements + 8 * c + (c < LATENT / 8 ? state * LATENT : rope);
    const bool valid = token + t < behind;
    ptx::copy16(chunk_at(tile, CHUNKS * 16, t, c), valid ? from : rows, valid);
  }
}

template <int LATENT>
struct Warp {
  static constexpr int STRIDE = (LATENT + ROPE) * 2;
  static constexpr int STEPS = (LATENT + ROPE) / 32;  // of this warp's half
  static constexpr int VALUE = LATENT / WARPS;
  int lane, index;
  uint32_t query[STEPS][4];
  float output[VALUE / 8][4];
  Softmax softmax;

  __device__ __forceinline__ void begin(const DecodeArguments& a, const Segment& s, int state, int row) {
    lane = threadIdx.x % 32;
    index = threadIdx.x / 32;
    const int first = index / 4 * STEPS;
    QueryOperands(a, s.request, state, row + lane / 4).load(query, [first](int k) { return first + k; });
#pragma unroll
    for (int n = 0; n < VALUE / 8; n++) output[n][0] = output[n][1] = output[n][2] = output[n][3] = 0;
    softmax = Softmax();
  }

  __device__ __forceinline__ void score(uint32_t tile, float* scores) const {
    const int token = index % 4 * 16;
    const int row = token + (lane & 7) + ((lane >> 4) << 3);
    const int chunk = index / 4 * (2 * STEPS) + ((lane >> 3) & 1);
    float s[2][2][4] = {};  // two chains a fragment, so that products need not wait for each other
#pragma unroll
    for (int k = 0; k < STEPS; k++) {
      uint32_t b[4];
      ptx::load_matrices(b, chunk_at(tile, STRIDE, row, chunk + 2 * k));
      ptx::multiply(s[k & 1][0], query[k], b[0], b[1]);
      ptx::multiply(s[k & 1][1], query[k], b[2], b[3]);
    }
    float* to = scores + (index / 4 * 16 + lane / 4) * SCORE_STRIDE + token + 2 * (lane & 3);
#pragma unroll
    for (int n = 0; n < 2; n++) {
      *reinterpret_cast<float2*>(to + 8 * n) = make_float2(s[0][n][0] + s[1][n][0], s[0][n][1] + s[1][n][1]);
      *reinterpret_cast<float2*>(to + 8 * n + 8 * SCORE_STRIDE) =
          make_float2(s[0][n][2] + s[1][n][2], s[0][n][3] + s[1][n][3]);
    }
  }

  __device__ __forceinline__ void average(const DecodeArguments& a, uint32_t tile, const float* scores, int state,
                                          int row, int token, int length) {
    float s[PAGE / 8][4];
    const bool edge = a.window != 0 || token + PAGE > length - a.queryLength + 1;
    const float* from = scores + lane / 4 * SCORE_STRIDE + 2 * (lane & 3);
#pragma unroll
    for (int n = 0; n < PAGE / 8; n++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const float* at = from + 8 * half * SCORE_STRIDE + 8 * n;
        const float2 x = *reinterpret_cast<const float2*>(at);
        const float2 y = *reinterpret_cast<const float2*>(at + 16 * SCORE_STRIDE);
        s[n][2 * half] = (x.x + y.x) * a.scaleLog2;
        s[n][2 * half + 1] = (x.y + y.y) * a.scaleLog2;
        if (edge) {
          const Sight seen = sight(a, length, query_row(a, state, row + lane / 4 + 8 * half).token);
          const int t = token + 8 * n + 2 * (lane & 3);
          if (t < seen.first || t >= seen.behind) s[n][2 * half] = -INFINITY;
          if (t + 1 < seen.first || t + 1 >= seen.behind) s[n][2 * half + 1] = -INFINITY;
        }
      }
    }
    float factor[2];
    if (weigh(s, softmax, factor)) {
#pragma unroll
      for (int n = 0; n < VALUE / 8; n++) {
        output[n][0] *= factor[0];
        output[n][1] *= factor[0];
        output[n][2] *= factor[1];
        output[n][3] *= factor[1];
      }
    }
    const int chunk = index * (VALUE / 8) + (lane >> 4);
#pragma unroll
    for (int j = 0; j < PAGE / 16; j++) {
      uint32_t weights[4];
      weights_operand(weights, s[2 * j], s[2 * j + 1]);
#pragma unroll
      for (int n = 0; n < VALUE / 16; n++) {
        uint32_t b[4];
        ptx::load_matrices_transposed(b, chunk_at(tile, STRIDE, 16 * j + (lane & 15), chunk + 2 * n));
        ptx::multiply(output[2 * n], weights, b[0], b[1]);
        ptx::multiply(output[2 * n + 1], weights, b[2], b[3]);
      }
    }
  }

  __device__ __forceinline__ void end(const DecodeArguments& a, const Segment& seg, int state, int row) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const float sum = quad_sum(softmax.sum[half]);
      const float factor = sum > 0 ? 1 / sum : 0.0f;
      const QueryRow of = query_row(a, state, row + lane / 4 + 8 * half);
      if (!of.valid) continue;
      const Target to(a, seg, of);
#pragma unroll
      for (int n = 0; n < VALUE / 8; n++) {
        to.store(index * VALUE + 8 * n + 2 * (lane & 3), output[n][2 * half] * factor,
                 output[n][2 * half + 1] * factor);
      }
      if (index == 0 && (lane & 3) == 0) to.store_log(softmax.largest[half], sum);
    }
  }
};

template <int LATENT, int STAGES>
__device__ __forceinline__ void decode(const DecodeArguments& a) {
  extern __shared__ __align__(1024) unsigned char memory[];
  constexpr int TILE = PAGE * (LATENT + ROPE) * 2;
  const uint32_t shared = ptx::shared_address(memory);
  float* scores = reinterpret_cast<float*>(memory + STAGES * TILE);
  const int state = blockIdx.x % a.stateHeads;
  const int rowTiles = (group(a) * a.queryLength + 15) / 16;
  const int row = blockIdx.x / a.stateHeads % rowTiles * 16;
  const int part = blockIdx.x / (a.stateHeads * rowTiles);
  Warp<LATENT> warp;
  for (Segment seg = segment(a, part); seg.request >= 0; seg = following(a, seg)) {
    const int length = seg.length;
    const int behind = min(length, seg.end * PAGE);
    PageWalk pages(a, seg, seg.begin * PAGE, behind);
    const auto load = [&](int page) {
      if (page < seg.end) {
        load_tile<LATENT>(a, state, shared + (page - seg.begin) % STAGES * TILE, pages.next, page * PAGE, behind);
        pages.fetch((page + 1) * PAGE, behind);
      }
      ptx::copy_commit();
    };
    __syncthreads();  // the last segment's tiles are read
#pragma unroll
    for (int stage = 0; stage < STAGES - 1; stage++) load(seg.begin + stage);
    warp.begin(a, seg, state, row);
    for (int page = seg.begin; page < seg.end; page++) {
      const uint32_t tile = shared + (page - seg.begin) % STAGES * TILE;
      ptx::copy_wait<STAGES - 2>();
      __syncthreads();  // the tile is there, and nobody reads the stage that is loaded next
      load(page + STAGES - 1);
      warp.score(tile, scores);
      __syncthreads();
      warp.average(a, tile, scores, state, row, page * PAGE, length);
    }
    ptx::copy_wait<0>();
    warp.end(a, seg, state, row);
    finish<4>(a, seg, {0, 32 * WARPS, static_cast<int>(threadIdx.x)}, blockIdx.x % (a.stateHeads * rowTiles),
              a.stateHeads * rowTiles, state, 1, row, 16);
  }
}
}  // namespace

#define LATENT(name, latent, stages)                                                   \
  extern "C" __global__ void __launch_bounds__(32 * WARPS, 1)                          \
      name(const __grid_constant__ DecodeArguments a) {                              \
    decode<latent, stages>(a);                                                         \
  }
// As many stages as the chip's shared memory holds: the host chooses.
LATENT(decode_latent_512_3, 512, 3)
LATENT(decode_latent_512_2, 512, 2)
LATENT(decode_latent_256_3, 256, 3)
LATENT(decode_latent_256_2, 256, 2)
