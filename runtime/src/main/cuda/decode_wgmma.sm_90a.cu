/*
 * decode_latent_*_wgmma: MLA and GLA with many query rows, Hopper's warpgroup products (sm_90a).
 *
 * See decode.cuh for what is computed; key = value = the whole state (512 or 256 elements) plus a
 * rotary key of 64, BF16. With 64 or more query rows a state MLA is bound by arithmetic, so the
 * tensor cores must never wait for the softmax.
 *
 * Grid      stateHeads x blocks of 64 query rows x parts, the first fastest: blocks that read the
 *           same rows run side by side and share them through L2.
 * Block     warpgroup 0 scores: its 64 query rows stay in registers (of 576-wide queries the rotary
 *           part in shared memory), the key tile of 64 tokens is the right operand; softmax; the
 *           weights take the place of the tile's rotary key, which is then read. Warpgroups 1 (and 2
 *           where there are 512 elements) average: 64 rows x 256 elements each, the value being the
 *           same tile read N-major. Scores run ahead by up to STAGES tiles, so that the tensor cores
 *           have the average to do during the softmax. One thread of warpgroup 1 issues the copies.
 * Shared    STAGES x [LATENT/64 + 1][64 tokens][64] BF16 in 128-byte swizzle, [64][64] of queries,
 *           factors, sums, barriers, the copying thread's cursor.
 * Numerics  query and weights rounded to BF16, products summed in float32, online softmax base 2.
 * Reads     whole pages: rows of the last page behind the last token are zeroed in shared memory
 *           before use, since 0 * NaN is NaN.
 */
#include "hopper.cuh"
#include "decode_tile.cuh"

namespace {
constexpr int ROPE = 64;
constexpr int ROWS = 64;
constexpr int BOX = PAGE * 64 * 2;  // bytes of 64 tokens x 64 elements

template <int LATENT>
struct Layout {
  static constexpr int STAGES = LATENT == 512 ? 3 : 5;
  static constexpr int BOXES = LATENT / 64;  // and one more: rotary key, then weights
  static constexpr int TILE = (BOXES + 1) * BOX;
  static constexpr int AVERAGERS = LATENT / 256;
  static constexpr int STEPS = (LATENT + ROPE) / 16;
  // Steps whose queries stay in registers. ptxas wants 26 beside the operands of a product, 154 for an
  // averaging thread; of the block's 504 (3 x 168) that leaves a scoring thread 184.
  static constexpr int HELD = LATENT == 512 ? 31 : 16;
  static constexpr int THREADS = 128 * (1 + AVERAGERS);
  static constexpr int QUERY_AT = STAGES * TILE;
  static constexpr int STEP_AT = QUERY_AT + BOX;  // queries of the step between, if any
  static constexpr int FACTORS_AT = STEP_AT + (LATENT / 16 - HELD) * ROWS * 32;
  static constexpr int SUMS_AT = FACTORS_AT + 2 * ROWS * 4;
  static constexpr int BARRIERS_AT = SUMS_AT + ROWS * 4;
  static constexpr int CURSOR_AT = BARRIERS_AT + 3 * STAGES * 8;
};

// Where things are in shared memory. n counts the block's tiles through all its segments; barriers
// of a stage: the tile has come, its weights are there, it has been averaged.
template <int LATENT>
struct Shared {
  using L = Layout<LATENT>;
  unsigned char* memory;
  uint32_t base;
  __device__ uint32_t tile(int n) const { return base + n % L::STAGES * L::TILE; }
  __device__ unsigned char* tileMemory(int n) const { return memory + n % L::STAGES * L::TILE; }
  __device__ uint32_t query() const { return base + L::QUERY_AT; }
  __device__ float* factors(int n) const { return reinterpret_cast<float*>(memory + L::FACTORS_AT) + (n & 1) * ROWS; }
  __device__ float* sums() const { return reinterpret_cast<float*>(memory + L::SUMS_AT); }
  __device__ uint32_t come(int n) const { return base + L::BARRIERS_AT + n % L::STAGES * 24; }
  __device__ uint32_t weighed(int n) const { return come(n) + 8; }
  __device__ uint32_t averaged(int n) const { return come(n) + 16; }
  __device__ static int parity(int n) { return n / L::STAGES & 1; }
};

// The pages of all segments of a part, one after another, each looked up one step ahead.
struct Pages {
  int page, end, next, segment;  // `next`: a page's number, or -1; `segment`: the one that follows, or -1
  const int* table;
  __device__ Pages(const DecodeArguments& a, int part) : page(0), end(0), next(-1), segment(part) { advance(a); }
  __device__ __forceinline__ void advance(const DecodeArguments& a) {
    page++;
    while (page >= end) {
      next = -1;
      if (segment < 0) return;
      const Segment s = ::segment(a, segment);
      if (s.request < 0) return;
      segment = s.next;
      table = a.table + static_cast<long long>(s.request) * a.tableStride;
      page = s.begin;
      end = s.end;
    }
    next = __ldg(table + page);
  }
};

struct Block {
  int state, row, part, columns;
  __device__ explicit Block(const DecodeArguments& a) {
    const int rowBlocks = (group(a) * a.queryLength + ROWS - 1) / ROWS;
    columns = a.stateHeads * rowBlocks;
    state = blockIdx.x % a.stateHeads;
    row = blockIdx.x / a.stateHeads % rowBlocks * ROWS;
    part = blockIdx.x / columns;
  }
};

__device__ __forceinline__ void sync_scorers() { asm volatile("bar.sync 1, 128;\n" ::: "memory"); }

// Zeroes the values of rows [from, 64) of the tile.
template <int LATENT>
__device__ __forceinline__ void clear_tail(unsigned char* tile, int from) {
  const int chunks = (PAGE - from) * 8;
  for (int box = 0; box < Layout<LATENT>::BOXES; box++) {
    for (int i = threadIdx.x; i < chunks; i += 128) {
      reinterpret_cast<int4*>(tile + box * BOX + from * 128)[i] = make_int4(0, 0, 0, 0);
    }
  }
  ptx::fence_async();
  sync_scorers();
}

__device__ __forceinline__ void mask(float (&s)[8][4], const DecodeArguments& a, int state, int row, int token,
                                     int length) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const Sight seen = sight(a, length, query_row(a, state, row + 8 * half).token);
#pragma unroll
    for (int n = 0; n < 8; n++) {
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const int t = token + 8 * n + i;
        if (t < seen.first || t >= seen.behind) s[n][2 * half + i] = -INFINITY;
      }
    }
  }
}

// The four bytes of columns 8 chunk + 2 (lane & 3) of a row in a swizzled box.
__device__ __forceinline__ uint32_t* pair_at(unsigned char* box, int row, int chunk) {
  return reinterpret_cast<uint32_t*>(box + row * 128 + ((chunk ^ (row & 7)) << 4) + 4 * (threadIdx.x & 3));
}

template <int LATENT>
struct Scorer {
  using L = Layout<LATENT>;
  const DecodeArguments& a;
  const Shared<LATENT>& shared;
  const Block block;
  int local;  // row of the block; the thread's other row is 8 further
  uint32_t query[L::HELD][4];
  Softmax softmax;

  __device__ Scorer(const DecodeArguments& a, const Shared<LATENT>& shared)
      : a(a), shared(shared), block(a), local(threadIdx.x / 32 * 16 + (threadIdx.x & 31) / 4) {}

  __device__ __forceinline__ void begin(const Segment& seg) {
    const QueryOperands rows(a, seg.request, block.state, block.row + local);
    uint32_t rest[L::STEPS - L::HELD][4];
    rows.load(rest, [](int k) { return L::HELD + k; });
#pragma unroll
    for (int k = L::HELD; k < L::STEPS; k++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int row = local + i % 2 * 8;
        if (k < LATENT / 16) {
          *step_at(row, i / 2) = rest[k - L::HELD][i];
        } else {
          *pair_at(shared.memory + L::QUERY_AT, row, 2 * (k - LATENT / 16) + i / 2) = rest[k - L::HELD][i];
        }
      }
    }
    ptx::fence_async();
    sync_scorers();
    rows.load(query, [](int k) { return k; });
    softmax = Softmax();
  }

  // Without swizzle: matrices of 8 rows of 16 bytes, the two of a row group side by side.
  __device__ __forceinline__ uint32_t* step_at(int row, int chunk) const {
    return reinterpret_cast<uint32_t*>(shared.memory + L::STEP_AT + row / 8 * 256 + chunk * 128 + row % 8 * 16 +
                                       4 * (threadIdx.x & 3));
  }

  __device__ __forceinline__ void multiply(float (&s)[32], int n) {
    const uint32_t tile = shared.tile(n);
    wgmma::fence();
#pragma unroll
    for (int k = 0; k < L::HELD; k++) {
      wgmma::multiply_64(s, query[k], wgmma::descriptor(tile + k / 4 * BOX + k % 4 * 32, 16, 1024), k > 0);
    }
    if constexpr (L::HELD < LATENT / 16) {
      static_assert(L::HELD + 1 == LATENT / 16);
      wgmma::multiply_64(s, wgmma::plain_descriptor(shared.base + L::STEP_AT, 128, 256),
                         wgmma::descriptor(tile + L::HELD / 4 * BOX + L::HELD % 4 * 32, 16, 1024), true);
    }
#pragma unroll
    for (int k = 0; k < ROPE / 16; k++) {
      wgmma::multiply_64(s, wgmma::descriptor(shared.query() + k * 32, 16, 1024),
                         wgmma::descriptor(tile + L::BOXES * BOX + k * 32, 16, 1024), true);
    }
    wgmma::commit();
    wgmma::wait();
  }

  // Weights, and by what the averages so far are to be multiplied, for the averaging warpgroups.
  __device__ __forceinline__ void leave(const float (&s)[8][4], const float (&factor)[2], int n) {
    sync_scorers();  // all four warps have read the rotary key that the weights overwrite
    unsigned char* weights = shared.tileMemory(n) + L::BOXES * BOX;
#pragma unroll
    for (int half = 0; half < 2; half++) {
#pragma unroll
      for (int j = 0; j < 8; j++) {
        *pair_at(weights, local + 8 * half, j) = ptx::pack(s[j][2 * half], s[j][2 * half + 1]);
      }
      if ((threadIdx.x & 3) == 0) shared.factors(n)[local + 8 * half] = factor[half];
    }
  }

  __device__ __forceinline__ void end(const Segment& seg, int n) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const float sum = quad_sum(softmax.sum[half]);
      const QueryRow of = query_row(a, block.state, block.row + local + 8 * half);
      if ((threadIdx.x & 3) == 0) {
        shared.sums()[local + 8 * half] = sum > 0 ? 1 / sum : 0.0f;
        if (of.valid) Target(a, seg, of).store_log(softmax.largest[half], sum);
      }
    }
  }

  __device__ __forceinline__ void run() {
    int n = 0;
    for (int i = block.part; i >= 0; i = segment(a, i).next) {  // read again: registers are scarce
      const Segment seg = segment(a, i);
      if (seg.request < 0) break;
      const int length = seg.length;
      begin(seg);
      for (int page = seg.begin; page < seg.end; page++, n++) {
        barrier::wait(shared.come(n), shared.parity(n));
        const int token = page * PAGE;
        if (token + PAGE > length) clear_tail<LATENT>(shared.tileMemory(n), length - token);
        float d[32], s[8][4], factor[2];
        multiply(d, n);
#pragma unroll
        for (int j = 0; j < 32; j++) s[j / 4][j % 4] = d[j] * a.scaleLog2;
        if (a.window != 0 || token + PAGE > length - a.queryLength + 1) {
          mask(s, a, block.state, block.row + local, token + 2 * (threadIdx.x & 3), length);
        }
        weigh(s, softmax, factor);
        // Two buffers of factors, one of sums.
        const int last = n - (page + 1 == seg.end ? 1 : 2);
        if (last >= 0) barrier::wait(shared.averaged(last), shared.parity(last));
        leave(s, factor, n);
        if (page + 1 == seg.end) end(segment(a, i), n);
        ptx::fence_async();
        barrier::arrive(shared.weighed(n));
      }
    }
  }
};

// One thread's copies: tile n + STAGES follows when tile n has been averaged.
template <int LATENT>
__device__ __forceinline__ void copy_tile(const DecodeArguments& a, const Shared<LATENT>& shared, const void* map,
                                          Pages& pages, int n) {
  using L = Layout<LATENT>;
  const int state = Block(a).state;
  barrier::expect(shared.come(n), L::TILE);
#pragma unroll
  for (int box = 0; box <= L::BOXES; box++) {
    const int line = (box < L::BOXES ? state : a.stateHeads) * L::BOXES + box % L::BOXES;
    ptx::copy_lines(shared.tile(n) + box * BOX, map, shared.come(n), line, 0, pages.next);
  }
  pages.advance(a);
}

template <int LATENT>
struct Averager {
  using L = Layout<LATENT>;
  const DecodeArguments& a;
  const Shared<LATENT>& shared;
  float output[2][64];  // [columns / 128] of rows `local` and `local` + 8

  __device__ __forceinline__ static int local() { return threadIdx.x / 32 % 4 * 16 + (threadIdx.x & 31) / 4; }

  __device__ __forceinline__ void add(int n) {
    const float first = shared.factors(n)[local()], second = shared.factors(n)[local() + 8];
    if (__any_sync(~0u, first != 1 || second != 1)) {
#pragma unroll
      for (int j = 0; j < 128; j++) output[j / 64][j % 64] *= j % 4 < 2 ? first : second;
    }
    const uint32_t weights = shared.tile(n) + L::BOXES * BOX;
    const uint32_t value = shared.tile(n) + (threadIdx.x / 128 - 1) * 4 * BOX;
    wgmma::fence();
#pragma unroll
    for (int k = 0; k < PAGE / 16; k++) {
#pragma unroll
      for (int j = 0; j < 2; j++) {
        wgmma::multiply_128(output[j], wgmma::descriptor(weights + 32 * k, 16, 1024),
                            wgmma::descriptor(value + 2 * j * BOX + 2048 * k, BOX, 1024), true);
      }
    }
    wgmma::commit();
    wgmma::wait();
  }

  __device__ __forceinline__ void divide() {
    const float first = shared.sums()[local()], second = shared.sums()[local() + 8];
#pragma unroll
    for (int j = 0; j < 128; j++) output[j / 64][j % 64] *= j % 4 < 2 ? first : second;
  }

  __device__ __forceinline__ void store(const Segment& seg) const {
    const Block block(a);
    const int column = (threadIdx.x / 128 - 1) * 256 + 2 * (threadIdx.x & 3);
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const QueryRow of = query_row(a, block.state, block.row + local() + 8 * half);
      if (!of.valid) continue;
      const Target to(a, seg, of);
#pragma unroll
      for (int j = 0; j < 32; j++) {
        const float* o = output[j / 16] + j % 16 * 4 + 2 * half;
        to.store(column + 8 * j, o[0], o[1]);
      }
    }
  }

  __device__ __forceinline__ void run(const void* map) {
    // In shared memory: only one thread needs it, and the averages leave it no registers.
    Pages& pages = *reinterpret_cast<Pages*>(shared.memory + L::CURSOR_AT);
    if (threadIdx.x == 128) {
      pages = Pages(a, Block(a).part);
      for (int n = 0; n < L::STAGES && pages.next >= 0; n++) copy_tile(a, shared, map, pages, n);
    }
    int n = 0;
    for (int i = Block(a).part; i >= 0 && segment(a, i).request >= 0; i = segment(a, i).next) {
#pragma unroll
      for (int j = 0; j < 128; j++) output[j / 64][j % 64] = 0;
      for (int left = segment(a, i).end - segment(a, i).begin; left > 0; left--, n++) {
        barrier::wait(shared.weighed(n), shared.parity(n));
        add(n);
        if (left == 1) divide();
        __syncwarp();
        if ((threadIdx.x & 31) == 0) barrier::arrive(shared.averaged(n));
        if (threadIdx.x == 128 && pages.next >= 0) {
          barrier::wait(shared.averaged(n), shared.parity(n));
          copy_tile(a, shared, map, pages, n + L::STAGES);
        }
        __syncwarp();
      }
      store(segment(a, i));
      const Block block(a);
      finish<4, 8>(a, segment(a, i), {2, 128 * L::AVERAGERS, static_cast<int>(threadIdx.x) - 128},
                   blockIdx.x % block.columns, block.columns, block.state, 1, block.row, ROWS);
    }
  }
};

template <int LATENT>
__device__ __forceinline__ void decode(const DecodeArguments& a, const void* map) {
  using L = Layout<LATENT>;
  extern __shared__ __align__(1024) unsigned char memory[];
  const Shared<LATENT> shared{memory, ptx::shared_address(memory)};
  if (threadIdx.x == 0) {
    for (int n = 0; n < L::STAGES; n++) {
      barrier::init(shared.come(n), 1);
      barrier::init(shared.weighed(n), 128);
      barrier::init(shared.averaged(n), 4 * L::AVERAGERS);
    }
    ptx::fence_async();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    if constexpr (LATENT == 512) ptx::more_registers<184>();
    Scorer<LATENT>(a, shared).run();
  } else {
    if constexpr (LATENT == 512) ptx::fewer_registers<160>();
    Averager<LATENT>{a, shared}.run(map);
  }
}

struct alignas(64) TensorMap {
  char opaque[128];
};
}  // namespace

#define LATENT_WGMMA(name, latent)                                                                  \
  extern "C" __global__ void __launch_bounds__(Layout<latent>::THREADS, 1)                          \
      name(const __grid_constant__ DecodeArguments a, const __grid_constant__ TensorMap map) {    \
    decode<latent>(a, &map);                                                                        \
  }
LATENT_WGMMA(decode_latent_512_wgmma, 512)
LATENT_WGMMA(decode_latent_256_wgmma, 256)
