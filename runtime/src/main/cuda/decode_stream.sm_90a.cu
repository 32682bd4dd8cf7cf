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
 * Shared    stages x tiles of 128-byte lines in 128-byte swizzle, UNIT * 64 bytes a warp to meet in, per
 *           stage a barrier and a counter. Where a block owns all states a tile lies as the cache does,
 *           a token's lines together; else [headsPerBlock * STATE/64 + ROPE/64][TILE] lines.
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
  int boxes, tileBytes, stages;  // `boxes`: lines of a token
  // Lines from a token, or a box, to the next. Those of a token are odd in number: eight tokens meet
  // eight swizzles either way.
  int tokenLines, boxLines;
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
    boxes = a.headsPerBlock * F::STATE_BOXES + F::ROPE_BOXES;
    tileBytes = boxes * F::TILE_TOKENS * 128;
    stages = a.stages;
    tokenLines = whole(a) ? boxes : 1;
    boxLines = whole(a) ? 1 : F::TILE_TOKENS;
  }
  // Whether a block needs all of a row.
  __device__ static bool whole(const DecodeArguments& a) { return a.stateHeads == a.headsPerBlock; }
  __device__ static int rowTiles(const DecodeArguments& a) { return (group(a) * a.queryLength + 15) / 16; }
  __device__ static int columns(const DecodeArguments& a) { return a.stateHeads / a.headsPerBlock * rowTiles(a); }
  __device__ int warps() const { return blockDim.x / 32; }
  __device__ uint32_t tile(int stage) const { return base + stage * tileBytes; }
  __device__ int line(int box, int token) const { return box * boxLines + token * tokenLines; }
  // Where 16 bytes of a line lie in a tile.
  __device__ static uint32_t piece(int line, int chunk) { return line * 128 + ((chunk ^ (line & 7)) << 4); }
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
  const uint64_t once = ptx::read_once();
  const int row = token % PAGE;
  if (Place<F>::whole(a)) {
    ptx::copy_lines(p.tile(stage), map, p.come(stage), 0, row, page, once);
    return;
  }
  const int first = (p.state - p.local) * F::STATE_BOXES, states = a.headsPerBlock * F::STATE_BOXES;
  for (int box = 0; box < p.boxes; box++) {
    const int line = box < states ? first + box : a.stateHeads * F::STATE_BOXES + box - states;
    ptx::copy_lines(p.tile(stage) + box * F::TILE_TOKENS * 128, map, p.come(stage), line, row, page, once);
  }
}

template <typename F>
struct Warp {
  const DecodeArguments& a;
  const Place<F>& p;
  uint32_t query[F::QUERIES][4];
  float output[F::COLUMNS / 8][4];
  Softmax softmax;
  // Offsets in a tile, those of 16 more tokens at tokenLines * 2048.
  uint32_t keyAt[F::QUERIES];         // of k-steps
  uint32_t valueAt[F::COLUMNS / 16];  // of 16-column steps

  __device__ Warp(const DecodeArguments& a, const Place<F>& p) : a(a), p(p) {
    const int key = p.unit * F::TOKENS + (p.lane & 7) + ((p.lane >> 4) << 3);
#pragma unroll
    for (int k = 0; k < F::QUERIES; k++) {
      const int of = k / F::STEPS;
      const int box = of < F::KEY_BOXES ? p.local * F::STATE_BOXES + of : p.boxes - F::ROPE_BOXES + of - F::KEY_BOXES;
      keyAt[k] = p.piece(p.line(box, key), 2 * (p.wide * F::STEPS + k % F::STEPS) + ((p.lane >> 3) & 1));
    }
    const int value = p.unit * F::TOKENS + (p.lane & 15);
#pragma unroll
    for (int n = 0; n < F::COLUMNS / 16; n++) {
      valueAt[n] = p.piece(p.line(firstValue() + n / 4, value), 2 * (n % 4) + (p.lane >> 4));
    }
  }
  __device__ __forceinline__ int firstValue() const {
    return p.local * F::STATE_BOXES + F::VALUE_BOX + p.wide * F::COLUMNS / 64;
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
#pragma unroll
    for (int k = 0; k < F::QUERIES; k++) {
#pragma unroll
      for (int j = 0; j < F::BLOCKS; j++) {
        uint32_t b[4];
        ptx::load_matrices(b, tile + keyAt[k] + j * p.tokenLines * 2048);
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
    __syncwarp();  // all lanes have read the keys
    for (int t = max(from, 0); t < F::TOKENS; t++) {
      for (int c = p.lane; c < (F::COLUMNS + 63) / 64 * 8; c += 32) {
        const int line = p.line(firstValue() + c / 8, p.unit * F::TOKENS + t);
        *reinterpret_cast<int4*>(tile + line * 128 + c % 8 * 16) = make_int4(0, 0, 0, 0);
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
        ptx::load_matrices_transposed(b, tile + valueAt[n] + j * p.tokenLines * 2048);
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

  __device__ __forceinline__ void end(const Segment& seg) {
    float sum[2] = {quad_sum(softmax.sum[0]), quad_sum(softmax.sum[1])};
    if (p.units > 1) merge_units(sum);
    if (p.unit != 0) return;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const QueryRow row = query_row(a, p.state, p.row + p.lane / 4 + 8 * half);
      if (!row.valid) continue;
      const Target to(a, seg, row);
      if (p.wide == 0 && (p.lane & 3) == 0) to.store_log(softmax.largest[half], sum[half]);
      const float factor = sum[half] > 0 ? 1 / sum[half] : 0.0f;
#pragma unroll
      for (int n = 0; n < F::COLUMNS / 8; n++) {
        to.store(p.wide * F::COLUMNS + 8 * n + 2 * (p.lane & 3), output[n][2 * half] * factor,
                 output[n][2 * half + 1] * factor);
      }
    }
  }

  // Units of one state: all but the first leave what they have where the tiles were, the first adds it
  // to its own, unit after unit.
  __device__ __forceinline__ void merge_units(float (&sum)[2]) {
    constexpr int LEFT = F::COLUMNS / 8 + 1;  // float4s of a lane
    float4* all = reinterpret_cast<float4*>(p.memory) + p.lane;
    __syncthreads();  // all have read the tiles
    if (p.unit != 0) {
      float4* mine = all + p.warp * LEFT * 32;
      mine[0] = make_float4(softmax.largest[0], softmax.largest[1], sum[0], sum[1]);
#pragma unroll
      for (int n = 0; n < F::COLUMNS / 8; n++) {
        mine[(n + 1) * 32] = make_float4(output[n][0], output[n][1], output[n][2], output[n][3]);
      }
    }
    __syncthreads();
    if (p.unit != 0) return;
    for (int u = 1; u < p.units; u++) {
      const float4* other = all + (p.warp + u * F::WIDTH) * LEFT * 32;
      const float4 state = other[0];
      float mine[2], theirs[2];
      join(softmax.largest[0], sum[0], state.x, state.z, mine[0], theirs[0]);
      join(softmax.largest[1], sum[1], state.y, state.w, mine[1], theirs[1]);
#pragma unroll
      for (int n = 0; n < F::COLUMNS / 8; n++) {
        const float4 more = other[(n + 1) * 32];
        output[n][0] = output[n][0] * mine[0] + more.x * theirs[0];
        output[n][1] = output[n][1] * mine[0] + more.y * theirs[0];
        output[n][2] = output[n][2] * mine[1] + more.z * theirs[1];
        output[n][3] = output[n][3] * mine[1] + more.w * theirs[1];
      }
    }
  }

  // Two sums with their largest scores become one; by what to multiply what goes with either.
  __device__ __forceinline__ static void join(float& largest, float& sum, float otherLargest, float otherSum,
                                              float& mine, float& theirs) {
    const float common = fmaxf(largest, otherLargest);
    mine = sum > 0 ? exp2f(largest - common) : 0.0f;
    theirs = otherSum > 0 ? exp2f(otherLargest - common) : 0.0f;
    largest = common;
    sum = sum * mine + otherSum * theirs;
  }
};

template <typename F>
__device__ __forceinline__ void decode(const DecodeArguments& a, const void* map) {
  extern __shared__ __align__(1024) unsigned char memory[];
  const Place<F> p(a, memory);
  const int columns = Place<F>::columns(a), part = blockIdx.x / columns;
  Segment seg = segment(a, part);
  if (threadIdx.x == 0) {
    ptx::prefetch_map(map);
    for (int stage = 0; stage < p.stages; stage++) {
      barrier::init(p.come(stage), 1);
      *p.left(stage) = 0;
    }
    ptx::fence_async();
  }
  __syncthreads();
  Warp<F> warp(a, p);
  int stage = 0, parity = 0;
  for (; seg.request >= 0; seg = following(a, seg)) {
    const int start = seg.begin * PAGE, behind = min(seg.length, seg.end * PAGE);
    const int* table = a.table + static_cast<long long>(seg.request) * a.tableStride;
    const int ahead = p.stages * F::TILE_TOKENS;
    if (threadIdx.x < p.stages) {  // a thread a tile: their page numbers come with one read
      const int token = start + threadIdx.x * F::TILE_TOKENS, to = stage + threadIdx.x;
      if (token < behind) send_for(a, p, map, to < p.stages ? to : to - p.stages, token, __ldg(table + token / PAGE));
    }
    warp.begin(seg);
    for (int token = start; token < behind; token += F::TILE_TOKENS) {
      const int next = token + ahead < behind ? __ldg(table + (token + ahead) / PAGE) : -1;
      barrier::wait(p.come(stage), parity);
      warp.attend(stage, token, seg.length);
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
    finish<4>(a, seg, {0, static_cast<int>(blockDim.x), static_cast<int>(threadIdx.x)}, blockIdx.x % columns,
              columns, p.state - p.local, a.headsPerBlock, p.row, 16);
    ptx::fence_async();
    __syncthreads();  // all have left the tiles and what lay in their place
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
