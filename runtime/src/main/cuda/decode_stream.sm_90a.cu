/*
 * decode_stream_*: layouts with few query rows a state, on Hopper: tensor copies and mma.sync.
 *
 * See decode.cuh for what is computed. Up to 16 query rows meet each state: what counts is that the
 * cache streams in at the speed of memory. The copy engine brings tiles, already swizzled; no warp
 * spends instructions on it, and warps only wait for tiles, never for each other but where noted.
 *
 * Grid      (stateHeads / headsPerBlock) x row tiles x parts, the first fastest.
 * Block     headsPerBlock x units x WIDE warps. A unit is UNIT tokens of a tile for one state; WIDE
 *           warps share it where the state is wide (MLA, GLA): each multiplies its share of the
 *           key's elements, the partial scores meet in shared memory, each then computes all weights
 *           and averages its share of the value's elements. The warp that is the last to leave a
 *           tile sends for the one STAGES later.
 * Shared    stages x [headsPerBlock * STATE/64 + ROPE/64][TILE][64] BF16 in 128-byte swizzle, UNIT * 64
 *           bytes a warp to meet in, per stage a barrier and a counter.
 * Numerics  as decode_grouped.cu.
 * Reads     whole pages; values of tokens behind the last are zeroed in shared memory before use.
 */
#include "decode_tile.cuh"
#include "hopper.cuh"

namespace {

template <int KEY, int VALUE, int ROPE, bool TIED, int WIDE, int UNIT, int TILE>
struct Form {
  static constexpr int STATE = TIED ? VALUE : KEY + VALUE;
  static constexpr int VALUE_BOX = TIED ? 0 : KEY / 64;
  static constexpr int BOX = TILE * 128;  // bytes
  static constexpr int STATE_BOXES = STATE / 64, KEY_BOXES = KEY / 64, ROPE_BOXES = ROPE / 64;
  static constexpr int STEPS = 4 / WIDE;  // k-steps of a box that a warp multiplies
  static constexpr int QUERIES = (KEY_BOXES + ROPE_BOXES) * STEPS;
  static constexpr int COLUMNS = VALUE / WIDE;  // that a warp averages
  static constexpr int BLOCKS = UNIT / 16;
  static constexpr int MEETING = 1024 * BLOCKS;  // bytes a warp
  static constexpr int TOKENS = UNIT, TILE_TOKENS = TILE, WIDTH = WIDE;
};

// What the block's shared memory holds, and this warp's place in it.
template <typename F>
struct Place {
  int lane, warp, wide, unit, local, state, row, units;
  int tileBytes, stages;
  unsigned char* memory;
  uint32_t base;

  __device__ Place(const DecodeArguments& a, unsigned char* memory)
      : lane(threadIdx.x & 31), warp(threadIdx.x / 32), memory(memory), base(ptx::shared_address(memory)) {
    units = F::TILE_TOKENS / F::TOKENS;
    wide = warp % F::WIDTH;
    unit = warp / F::WIDTH % units;
    local = warp / (F::WIDTH * units);
    const int blocks = a.stateHeads / a.headsPerBlock;
    state = blockIdx.x % blocks * a.headsPerBlock + local;
    row = blockIdx.x / blocks % rowTiles(a) * 16;
    tileBytes = (a.headsPerBlock * F::STATE_BOXES + F::ROPE_BOXES) * F::BOX;
    stages = a.stages;
  }
  __device__ static int rowTiles(const DecodeArguments& a) { return (group(a) * a.queryLength + 15) / 16; }
  __device__ static int columns(const DecodeArguments& a) { return a.stateHeads / a.headsPerBlock * rowTiles(a); }
  __device__ int warps() const { return blockDim.x / 32; }
  __device__ uint32_t tile(int stage) const { return base + stage * tileBytes; }
  __device__ unsigned char* meeting() const { return memory + stages * tileBytes; }
  // Of a stage: the barrier that tells that its tile has come, and how many warps have left it.
  __device__ uint32_t come(int stage) const { return base + stages * tileBytes + warps() * F::MEETING + stage * 8; }
  __device__ unsigned* left(int stage) const {
    return reinterpret_cast<unsigned*>(memory + stages * (tileBytes + 8) + warps() * F::MEETING) + stage;
  }
};

template <typename F>
__device__ __forceinline__ void send_for(const DecodeArguments& a, const Place<F>& p, const void* map, int stage,
                                         int token, int page) {
  barrier::expect(p.come(stage), p.tileBytes);
  const int first = (p.state - p.local) * F::STATE, boxes = a.headsPerBlock * F::STATE_BOXES;
  for (int box = 0; box < boxes + F::ROPE_BOXES; box++) {
    const int column = box < boxes ? first + 64 * box : a.stateHeads * F::STATE + 64 * (box - boxes);
    ptx::copy_box(p.tile(stage) + box * F::BOX, map, p.come(stage), column, token % PAGE, page);
  }
}

template <typename F>
struct Warp {
  const DecodeArguments& a;
  const Place<F>& p;
  uint32_t query[F::QUERIES][4];
  float output[F::COLUMNS / 8][4];
  Softmax softmax;
  uint32_t keyAt[F::STEPS];  // offsets of k-steps of the first box; other boxes follow at F::BOX
  uint32_t valueAt[4];       // of 16-column steps of the first box of values

  __device__ Warp(const DecodeArguments& a, const Place<F>& p) : a(a), p(p) {
    const int key = p.unit * F::TOKENS + (p.lane & 7) + ((p.lane >> 4) << 3);
#pragma unroll
    for (int k = 0; k < F::STEPS; k++) {
      const int chunk = 2 * (p.wide * F::STEPS + k) + ((p.lane >> 3) & 1);
      keyAt[k] = key * 128 + ((chunk ^ (p.lane & 7)) << 4);
    }
    const int value = p.unit * F::TOKENS + (p.lane & 15);
    const int first = p.local * F::STATE_BOXES + F::VALUE_BOX + p.wide * F::COLUMNS / 64;
#pragma unroll
    for (int n = 0; n < 4; n++) {
      const int chunk = 2 * n + (p.lane >> 4);
      valueAt[n] = first * F::BOX + value * 128 + ((chunk ^ (p.lane & 7)) << 4);
    }
  }

  __device__ __forceinline__ void begin(const Segment& s) {
    const int first = p.wide * F::STEPS;
    QueryOperands(a, s.request, p.state, p.row + p.lane / 4).load(query, [first](int k) {
      return k / F::STEPS * 4 + first + k % F::STEPS;
    });
#pragma unroll
    for (int n = 0; n < F::COLUMNS / 8; n++) output[n][0] = output[n][1] = output[n][2] = output[n][3] = 0;
    softmax = Softmax();
  }

  __device__ __forceinline__ void score(float (&s)[2 * F::BLOCKS][4], uint32_t tile) const {
#pragma unroll
    for (int n = 0; n < 2 * F::BLOCKS; n++) s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0;
    const uint32_t state = tile + p.local * (F::STATE_BOXES * F::BOX);
    const uint32_t rope = tile + a.headsPerBlock * (F::STATE_BOXES * F::BOX);
#pragma unroll
    for (int k = 0; k < F::QUERIES; k++) {
      const int box = k / F::STEPS;
      const uint32_t from = keyAt[k % F::STEPS] +
                            (box < F::KEY_BOXES ? state + box * F::BOX : rope + (box - F::KEY_BOXES) * F::BOX);
#pragma unroll
      for (int j = 0; j < F::BLOCKS; j++) {
        uint32_t b[4];
        ptx::load_matrices(b, from + j * 2048);
        ptx::multiply(s[2 * j], query[k], b[0], b[1]);
        ptx::multiply(s[2 * j + 1], query[k], b[2], b[3]);
      }
    }
  }

  // Adds up the partial scores of the WIDE warps of a unit; all get the same bits, in warp order.
  __device__ __forceinline__ void meet(float (&s)[2 * F::BLOCKS][4]) const {
    constexpr int PIECES = 2 * F::BLOCKS;
    float4* all = reinterpret_cast<float4*>(p.meeting()) + (p.warp - p.wide) * (PIECES * 32);
    const int barrier = 1 + p.warp / F::WIDTH * 2;
    asm volatile("bar.sync %0, %1;\n" ::"r"(barrier), "n"(32 * F::WIDTH) : "memory");  // the last were read
#pragma unroll
    for (int n = 0; n < PIECES; n++) {
      all[(p.wide * PIECES + n) * 32 + p.lane] = make_float4(s[n][0], s[n][1], s[n][2], s[n][3]);
    }
    asm volatile("bar.sync %0, %1;\n" ::"r"(barrier + 1), "n"(32 * F::WIDTH) : "memory");
#pragma unroll
    for (int n = 0; n < PIECES; n++) {
      s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0;
#pragma unroll
      for (int w = 0; w < F::WIDTH; w++) {
        const float4 part = all[(w * PIECES + n) * 32 + p.lane];
        s[n][0] += part.x;
        s[n][1] += part.y;
        s[n][2] += part.z;
        s[n][3] += part.w;
      }
    }
  }

  __device__ __forceinline__ void mask(float (&s)[2 * F::BLOCKS][4], int token, int length) const {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const Sight seen = sight(a, length, query_row(a, p.state, p.row + p.lane / 4 + 8 * half).token);
#pragma unroll
      for (int n = 0; n < 2 * F::BLOCKS; n++) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const int t = token + 8 * n + 2 * (p.lane & 3) + i;
          if (t < seen.first || t >= seen.behind) s[n][2 * half + i] = -INFINITY;
        }
      }
    }
  }

  // Zeroes what this warp will average of the unit's tokens [from, UNIT).
  __device__ __forceinline__ void clear_tail(unsigned char* tile, int from) const {
    const int first = p.local * F::STATE_BOXES + F::VALUE_BOX + p.wide * F::COLUMNS / 64;
    __syncwarp();  // all lanes have read the keys
    for (int t = max(from, 0); t < F::TOKENS; t++) {
      for (int c = p.lane; c < (F::COLUMNS + 63) / 64 * 8; c += 32) {
        *reinterpret_cast<int4*>(tile + (first + c / 8) * F::BOX + (p.unit * F::TOKENS + t) * 128 + c % 8 * 16) =
            make_int4(0, 0, 0, 0);
      }
    }
    ptx::fence_async();
    __syncwarp();
  }

  __device__ __forceinline__ void average(const float (&s)[2 * F::BLOCKS][4], uint32_t tile) {
#pragma unroll
    for (int j = 0; j < F::BLOCKS; j++) {
      uint32_t weights[4];
      weights_operand(weights, s[2 * j], s[2 * j + 1]);
#pragma unroll
      for (int n = 0; n < F::COLUMNS / 16; n++) {
        uint32_t b[4];
        ptx::load_matrices_transposed(b, tile + valueAt[n % 4] + n / 4 * F::BOX + j * 2048);
        ptx::multiply(output[2 * n], weights, b[0], b[1]);
        ptx::multiply(output[2 * n + 1], weights, b[2], b[3]);
      }
    }
  }

  __device__ __forceinline__ void attend(int stage, int token, int length) {
    const uint32_t tile = p.tile(stage);
    float s[2 * F::BLOCKS][4];
    score(s, tile);
    if constexpr (F::WIDTH > 1) meet(s);
    const int first = token + p.unit * F::TOKENS;
#pragma unroll
    for (int n = 0; n < 2 * F::BLOCKS; n++) {
#pragma unroll
      for (int i = 0; i < 4; i++) s[n][i] *= a.scaleLog2;
    }
    if (a.window != 0 || first + F::TOKENS > length - a.queryLength + 1) {
      mask(s, first, length);
      clear_tail(p.memory + stage * p.tileBytes, length - first);
    }
    float factor[2];
    if (weigh(s, softmax, factor)) {
#pragma unroll
      for (int n = 0; n < F::COLUMNS / 8; n++) {
        output[n][0] *= factor[0];
        output[n][1] *= factor[0];
        output[n][2] *= factor[1];
        output[n][3] *= factor[1];
      }
    }
    average(s, tile);
  }

  // Units of one state merge: unit after unit adds to what lies in the meeting place, 16 columns a
  // round, the last stores.
  __device__ __forceinline__ void end(const Segment& seg) {
    float sum[2] = {quad_sum(softmax.sum[0]), quad_sum(softmax.sum[1])};
    float factor[2] = {1, 1};
    if (p.units > 1) merge_sums(sum, factor);
    const QueryRow rows[2] = {query_row(a, p.state, p.row + p.lane / 4), query_row(a, p.state, p.row + p.lane / 4 + 8)};
    const Target to[2] = {Target(a, seg, rows[0]), Target(a, seg, rows[1])};
#pragma unroll
    for (int half = 0; half < 2; half++) {
      if (p.unit == 0 && p.wide == 0 && (p.lane & 3) == 0 && rows[half].valid) {
        to[half].store_log(softmax.largest[half], sum[half]);
      }
      sum[half] = sum[half] > 0 ? 1 / sum[half] : 0.0f;
    }
#pragma unroll
    for (int n = 0; n < F::COLUMNS / 16; n++) {
      float4 mine[2];
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const float(&o)[4] = output[2 * n + i];
        mine[i] = make_float4(o[0] * factor[0], o[1] * factor[0], o[2] * factor[1], o[3] * factor[1]);
      }
      if (p.units > 1) merge_columns(mine);
      if (p.unit != 0) continue;
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const int column = p.wide * F::COLUMNS + 16 * n + 8 * i + 2 * (p.lane & 3);
        if (rows[0].valid) to[0].store(column, mine[i].x * sum[0], mine[i].y * sum[0]);
        if (rows[1].valid) to[1].store(column, mine[i].z * sum[1], mine[i].w * sum[1]);
      }
    }
  }

  // In: this unit's sums. Out: all units' sums and largest score, and this unit's factor to the common reference.
  __device__ __forceinline__ void merge_sums(float (&sum)[2], float (&factor)[2]) {
    float4* all = reinterpret_cast<float4*>(p.meeting());
    __syncthreads();
    all[p.warp * 64 + p.lane] = make_float4(softmax.largest[0], softmax.largest[1], sum[0], sum[1]);
    __syncthreads();
    float largest[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
    const int first = p.warp - p.unit * F::WIDTH;
    for (int u = 0; u < p.units; u++) {
      const float4 other = all[(first + u * F::WIDTH) * 64 + p.lane];
      largest[0] = fmaxf(largest[0], other.x);
      largest[1] = fmaxf(largest[1], other.y);
    }
    for (int u = 0; u < p.units; u++) {
      const float4 other = all[(first + u * F::WIDTH) * 64 + p.lane];
      total[0] += other.z > 0 ? other.z * exp2f(other.x - largest[0]) : 0.0f;
      total[1] += other.w > 0 ? other.w * exp2f(other.y - largest[1]) : 0.0f;
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
      factor[half] = sum[half] > 0 ? exp2f(softmax.largest[half] - largest[half]) : 0.0f;
      sum[half] = total[half];
      softmax.largest[half] = largest[half];
    }
  }

  __device__ __forceinline__ void merge_columns(float4 (&mine)[2]) const {
    float4* all = reinterpret_cast<float4*>(p.meeting());
    __syncthreads();
    all[p.warp * 64 + p.lane] = mine[0];
    all[p.warp * 64 + 32 + p.lane] = mine[1];
    __syncthreads();
    if (p.unit != 0) return;
    for (int u = 1; u < p.units; u++) {
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const float4 other = all[(p.warp + u * F::WIDTH) * 64 + 32 * i + p.lane];
        mine[i].x += other.x;
        mine[i].y += other.y;
        mine[i].z += other.z;
        mine[i].w += other.w;
      }
    }
  }
};

template <typename F>
__device__ __forceinline__ void decode(const DecodeArguments& a, const void* map) {
  extern __shared__ __align__(1024) unsigned char memory[];
  const Place<F> p(a, memory);
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < p.stages; stage++) {
      barrier::init(p.come(stage), 1);
      *p.left(stage) = 0;
    }
    ptx::fence_async();
  }
  __syncthreads();
  const int columns = Place<F>::columns(a), part = blockIdx.x / columns;
  Warp<F> warp(a, p);
  int stage = 0, parity = 0;
  for (int i = a.schedule[part]; i < a.schedule[part + 1]; i++) {
    const Segment seg = segment(a, i);
    const int length = a.lengths[seg.request];
    const int behind = min(length, seg.end * PAGE);
    const int* table = a.table + static_cast<long long>(seg.request) * a.tableStride;
    const int ahead = p.stages * F::TILE_TOKENS;
    if (threadIdx.x == 0) {
      int to = stage;
      for (int token = seg.begin * PAGE; token < min(behind, seg.begin * PAGE + ahead); token += F::TILE_TOKENS) {
        send_for(a, p, map, to, token, __ldg(table + token / PAGE));
        to = to + 1 == p.stages ? 0 : to + 1;
      }
    }
    warp.begin(seg);
    for (int token = seg.begin * PAGE; token < behind; token += F::TILE_TOKENS) {
      const int next = token + ahead < behind ? __ldg(table + (token + ahead) / PAGE) : -1;
      barrier::wait(p.come(stage), parity);
      warp.attend(stage, token, length);
      __syncwarp();
      if (p.lane == 0) {
        __threadfence_block();
        const bool last = atomicInc(p.left(stage), p.warps() - 1) == p.warps() - 1u;
        __threadfence_block();
        if (last && next >= 0) send_for(a, p, map, stage, token + ahead, next);
      }
      if (++stage == p.stages) {
        stage = 0;
        parity ^= 1;
      }
    }
    warp.end(seg);
    finish(a, seg, {0, static_cast<int>(blockDim.x), static_cast<int>(threadIdx.x)}, blockIdx.x % columns, columns,
           p.state - p.local, a.headsPerBlock, p.row, 16);
    __syncthreads();  // all have left the tiles and the meeting place
  }
}

struct alignas(64) TensorMap {
  char opaque[128];
};
}  // namespace

#define STREAM(name, threads, blocks, ...)                                                          \
  extern "C" __global__ void __launch_bounds__(threads, blocks)                                     \
      name(const __grid_constant__ DecodeArguments a, const __grid_constant__ TensorMap map) {    \
    decode<Form<__VA_ARGS__>>(a, &map);                                                             \
  }
STREAM(decode_stream_tied_128, 256, 1, 64, 128, 64, true, 1, 32, 32)
STREAM(decode_stream_latent_512, 256, 1, 512, 512, 64, true, 4, 32, 64)
STREAM(decode_stream_latent_256, 256, 2, 256, 256, 64, true, 4, 16, 32)
