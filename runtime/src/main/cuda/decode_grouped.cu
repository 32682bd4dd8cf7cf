/*
 * decode_grouped_*: MHA, MQA, GQA and GTA with BF16 caches, mma.sync and cp.async (sm_80 on).
 *
 * See decode.cuh for what is computed. These layouts do few operations per cached byte, so the
 * kernel is built to keep bytes in flight: a block owns `headsPerBlock` states of a stretch of
 * tokens, so that GTA's rotary key comes on chip once for all of them; its warps only wait for the
 * copy pipeline.
 *
 * Grid      (stateHeads / headsPerBlock) x row blocks x parts, the first fastest.
 * Block     headsPerBlock * rowTiles * split warps: warp (state, rowTile, split) multiplies 16 query
 *           rows of one state (new tokens x heads of its group, the rest zero) with every split-th
 *           16 tokens of the tile. Splits merge through shared memory at the end of a segment.
 * Shared    STAGES tiles of tileTokens rows (decode_tile.cuh); the merge reuses them.
 * Numerics  query and weights rounded to BF16, products summed in float32, online softmax base 2.
 * Limits    tileTokens a multiple of 16 that divides 64; strides as the host's plan makes them.
 */
#include "decode_tile.cuh"

namespace {
constexpr int STAGES = 3;

template <int KEY, int VALUE, int ROPE, bool TIED>
struct Row {
  static constexpr int STATE = TIED ? VALUE : KEY + VALUE;
  static constexpr int VALUE_START = TIED ? 0 : KEY;
  static constexpr int STEPS = (KEY + ROPE) / 16;
};

// What a warp of a block does, and what the block's tiles look like.
struct Place {
  int warp, lane, state, local, row, split, splits;  // state of the row, its index in the block
  int stateChunks, chunks, stride;                  // of a tile's row
  __device__ Place(const DecodeArguments& a, int dim) {
    warp = threadIdx.x / 32;
    lane = threadIdx.x % 32;
    splits = blockDim.x / 32 / (a.headsPerBlock * a.rowTiles);
    split = warp % splits;
    local = warp / (splits * a.rowTiles);
    const int blocks = a.stateHeads / a.headsPerBlock;
    state = blockIdx.x % blocks * a.headsPerBlock + local;
    const int rowBlocks = (group(a) * a.queryLength + 16 * a.rowTiles - 1) / (16 * a.rowTiles);
    row = (blockIdx.x / blocks % rowBlocks * a.rowTiles + warp / splits % a.rowTiles) * 16;
    stateChunks = a.headsPerBlock * dim / 8;
    chunks = stateChunks + a.ropeDim / 8;
    stride = (chunks + 7) / 8 * 128;
  }
  __device__ static int columns(const DecodeArguments& a) {
    return a.stateHeads / a.headsPerBlock * ((group(a) * a.queryLength + 16 * a.rowTiles - 1) / (16 * a.rowTiles));
  }
};

__device__ __forceinline__ void load_tile(const DecodeArguments& a, const Place& p, int dim, uint32_t tile, int page,
                                          int token, int behind) {
  const uint16_t* rows = static_cast<const uint16_t*>(a.cache) + page * a.pageStride +
                         static_cast<long long>(token % PAGE) * row_elements(a);
  const int first = (p.state - p.local) * dim;
  const int rope = a.stateHeads * a.stateDim - p.stateChunks * 8;
  const int warps = blockDim.x / 32;
  for (int t = p.warp; t < a.tileTokens; t += warps) {
    const uint16_t* row = rows + t * row_elements(a);
    const bool valid = token + t < behind;
    for (int c = p.lane; c < p.chunks; c += 32) {
      const uint16_t* from = row + 8 * c + (c < p.stateChunks ? first : rope);
      ptx::copy16(chunk_at(tile, p.stride, t, c), valid ? from : static_cast<const uint16_t*>(a.cache), valid);
    }
  }
}

template <int KEY, int VALUE, int ROPE, bool TIED>
struct Warp {
  using R = Row<KEY, VALUE, ROPE, TIED>;
  uint32_t query[R::STEPS][4];
  float output[VALUE / 8][4];
  Softmax softmax;

  __device__ __forceinline__ void begin(const DecodeArguments& a, const Segment& s, const Place& p) {
    QueryOperands(a, s.request, p.state, p.row + p.lane / 4).load(query, [](int k) { return k; });
#pragma unroll
    for (int n = 0; n < VALUE / 8; n++) output[n][0] = output[n][1] = output[n][2] = output[n][3] = 0;
    softmax = Softmax();
  }

  // Scores of tokens [16 chunk, 16 chunk + 16) of the tile.
  __device__ __forceinline__ void score(float (&s)[2][4], uint32_t tile, const Place& p, int token) const {
    const int row = token + (p.lane & 7) + ((p.lane >> 4) << 3);
    const int half = (p.lane >> 3) & 1;
#pragma unroll
    for (int k = 0; k < R::STEPS; k++) {
      const int chunk = k < KEY / 16 ? p.local * (R::STATE / 8) + 2 * k : p.stateChunks + 2 * (k - KEY / 16);
      uint32_t b[4];
      ptx::load_matrices(b, chunk_at(tile, p.stride, row, chunk + half));
      ptx::multiply(s[0], query[k], b[0], b[1]);
      ptx::multiply(s[1], query[k], b[2], b[3]);
    }
  }

  __device__ __forceinline__ void average(const float (&s)[2][4], uint32_t tile, const Place& p, int token) {
    const int row = token + (p.lane & 15);
    const int chunk = p.local * (R::STATE / 8) + R::VALUE_START / 8 + (p.lane >> 4);
    uint32_t weights[4];
    weights_operand(weights, s[0], s[1]);
#pragma unroll
    for (int n = 0; n < VALUE / 16; n++) {
      uint32_t b[4];
      ptx::load_matrices_transposed(b, chunk_at(tile, p.stride, row, chunk + 2 * n));
      ptx::multiply(output[2 * n], weights, b[0], b[1]);
      ptx::multiply(output[2 * n + 1], weights, b[2], b[3]);
    }
  }

  __device__ __forceinline__ void attend(const DecodeArguments& a, const Place& p, uint32_t tile, int chunk,
                                         int token, int length) {
    float s[2][4] = {};
    score(s, tile, p, 16 * chunk);
    const int at = token + 16 * chunk + 2 * (p.lane & 3);
    const bool edge = a.window != 0 || token + 16 * chunk + 16 > length - a.queryLength + 1;
#pragma unroll
    for (int n = 0; n < 2; n++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        s[n][i] *= a.scaleLog2;
        if (edge) {
          const Sight seen = sight(a, length, query_row(a, p.state, p.row + p.lane / 4 + 8 * (i / 2)).token);
          const int t = at + 8 * n + (i & 1);
          if (t < seen.first || t >= seen.behind) s[n][i] = -INFINITY;
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
    average(s, tile, p, 16 * chunk);
  }

  // This warp's sums to shared memory: [16][VALUE] outputs, then 16 largest scores, 16 sums.
  __device__ __forceinline__ void leave(float* memory, const Place& p) {
    float* mine = memory + p.warp * (16 * VALUE + 32);
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int r = p.lane / 4 + 8 * half;
      const float sum = quad_sum(softmax.sum[half]);
#pragma unroll
      for (int n = 0; n < VALUE / 8; n++) {
        *reinterpret_cast<float2*>(mine + r * VALUE + 8 * n + 2 * (p.lane & 3)) =
            make_float2(output[n][2 * half], output[n][2 * half + 1]);
      }
      if ((p.lane & 3) == 0) {
        mine[16 * VALUE + r] = softmax.largest[half];
        mine[16 * VALUE + 16 + r] = sum;
      }
    }
  }
};

// Merges the splits of every row and stores: warp by warp a row, lane by lane two columns.
template <int VALUE>
__device__ void merge(const DecodeArguments& a, const Segment& seg, const Place& p, const float* memory) {
  const int size = 16 * VALUE + 32;
  for (int row = p.split; row < 16; row += p.splits) {
    const QueryRow of = query_row(a, p.state, p.row + row);
    if (!of.valid) continue;
    const Target to(a, seg, of);
    const float* pieces = memory + (p.warp - p.split) * size;
    float largest = -INFINITY, sum = 0;
    for (int i = 0; i < p.splits; i++) largest = fmaxf(largest, pieces[i * size + 16 * VALUE + row]);
    for (int i = 0; i < p.splits; i++) {
      const float reference = pieces[i * size + 16 * VALUE + row];
      if (reference != -INFINITY) sum += pieces[i * size + 16 * VALUE + 16 + row] * exp2f(reference - largest);
    }
    for (int column = 2 * p.lane; column < VALUE; column += 64) {
      float x = 0, y = 0;
      for (int i = 0; i < p.splits; i++) {
        const float reference = pieces[i * size + 16 * VALUE + row];
        if (reference == -INFINITY) continue;
        const float2 pair = *reinterpret_cast<const float2*>(pieces + i * size + row * VALUE + column);
        const float weight = exp2f(reference - largest) / sum;
        x += weight * pair.x;
        y += weight * pair.y;
      }
      to.store(column, x, y);
    }
    if (p.lane == 0) to.store_log(largest, sum);
  }
}

// BLOCKS: how many are to share a multiprocessor.
template <int KEY, int VALUE, int ROPE, bool TIED, int BLOCKS>
__device__ __forceinline__ void decode(const DecodeArguments& a) {
  extern __shared__ __align__(1024) float memory[];
  using R = Row<KEY, VALUE, ROPE, TIED>;
  const uint32_t shared = ptx::shared_address(memory);
  const Place p(a, R::STATE);
  const int tileBytes = a.tileTokens * p.stride;
  const int columns = Place::columns(a), part = blockIdx.x / columns;
  const int firstRow = p.row - p.warp / p.splits % a.rowTiles * 16;
  Warp<KEY, VALUE, ROPE, TIED> warp;
  for (Segment seg = segment(a, part); seg.request >= 0; seg = following(a, seg)) {
    const int length = seg.length;
    const int start = seg.begin * PAGE;
    const int behind = min(length, seg.end * PAGE);
    const int tiles = (behind - start + a.tileTokens - 1) / a.tileTokens;
    PageWalk pages(a, seg, start, behind);
    const auto load = [&](int tile) {
      if (tile < tiles) {
        const int token = start + tile * a.tileTokens;
        load_tile(a, p, R::STATE, shared + tile % STAGES * tileBytes, pages.next, token, behind);
        pages.fetch(token + a.tileTokens, behind);
      }
      ptx::copy_commit();
    };
#pragma unroll
    for (int stage = 0; stage < STAGES - 1; stage++) load(stage);
    warp.begin(a, seg, p);
    for (int tile = 0; tile < tiles; tile++) {
      ptx::copy_wait<STAGES - 2>();
      __syncthreads();  // the tile is there, and nobody reads the stage that is loaded next
      load(tile + STAGES - 1);
      const int token = start + tile * a.tileTokens;
      for (int chunk = p.split; chunk < a.tileTokens / 16; chunk += p.splits) {
        if (token + 16 * chunk >= behind) break;
        warp.attend(a, p, shared + tile % STAGES * tileBytes, chunk, token, length);
      }
    }
    ptx::copy_wait<0>();
    __syncthreads();
    warp.leave(memory, p);
    __syncthreads();
    merge<VALUE>(a, seg, p, memory);
    __syncthreads();
    finish<4, BLOCKS == 2 ? 8 : 16>(a, seg, {0, static_cast<int>(blockDim.x), static_cast<int>(threadIdx.x)},
                                    blockIdx.x % columns, columns, p.state - p.local, a.headsPerBlock, firstRow,
                                    16 * a.rowTiles);
  }
}
}  // namespace

// Where two blocks are to share a multiprocessor, whoever compiles the PTX must leave each half of the
// registers. Where shared memory has room for one only, more of them are 1 to 4 % faster: hence two
// builds of decode_grouped_64, between which DecodePlan chooses.
#define BOUNDS_1 __launch_bounds__(256)
#define BOUNDS_2 __launch_bounds__(256, 2)
#define GROUPED(blocks, name, key, value, rope, tied)                                         \
  extern "C" __global__ void BOUNDS_##blocks name(const __grid_constant__ DecodeArguments a) { \
    decode<key, value, rope, tied, blocks>(a);                                                \
  }
GROUPED(2, decode_grouped_32, 32, 32, 0, false)
GROUPED(1, decode_grouped_64, 64, 64, 0, false)
GROUPED(2, decode_grouped_64_shared, 64, 64, 0, false)
GROUPED(1, decode_grouped_96, 96, 96, 0, false)
GROUPED(1, decode_grouped_128, 128, 128, 0, false)
GROUPED(2, decode_tied_64, 32, 64, 32, true)
GROUPED(1, decode_tied_128, 64, 128, 64, true)
