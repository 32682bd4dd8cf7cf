// What all decode kernels share: arguments, the schedule, and how rows of queries and output lie.
//
// For sequence b, new token j, query head h and its state g = h / (queryHeads / stateHeads), over
// the tokens t that j sees:
//
//     score_t    = scale * ( q[b,j,h,:k] . state_t[g][key] + q[b,j,h,k:] . rope_t )
//     out[b,j,h] = sum over t of softmax(score)_t * state_t[g][value]
//
// The new tokens are the last `queryLength` of lengths[b]; j sees t <= lengths[b]-queryLength+j, and
// with a window w only the last w of those. The twin and definition is ScalarDecodeKernel.java.
//
// Work is dealt out by a schedule (DecodeSchedule.java, or decode_schedule on the device): the
// 64-token pages of all requests form one line that is cut into `parts` nearly equal stretches. A
// request that a cut divides gets a slot per piece: normalised float32 output and the base-2
// logarithm of the sum of its weights. Whichever block is the last to finish a piece merges them, in
// the order of the slots, so that results do not depend on who that was; where there are more than
// FUSED_SLOTS, decode_combine does it on all multiprocessors.
#pragma once
#include <cstdint>

#include "ptx.cuh"

constexpr int PAGE = 64;         // tokens of a page
constexpr int FUSED_SLOTS = 8;
constexpr int SEGMENT_INTS = 4;  // request, first page, page behind the last, slot or -1

// The twin of DecodeArguments.java: same order, natural alignment.
struct DecodeArguments {
  const void* query;    // [batch, queryLength, queryHeads, keyWidth + ropeDim] f32 or bf16
  const void* cache;    // pages of [64, rowElements]
  const int* table;     // [batch, tableStride] page numbers
  const int* lengths;   // [batch] tokens in use, the new ones included
  void* output;         // [batch, queryLength, queryHeads, valueWidth] f32 or bf16
  float* partial;       // [slots, queryLength, queryHeads, valueWidth]
  float* partialLog;    // [slots, queryLength, queryHeads]
  unsigned* arrivals;   // [batch, blocks of a part] zeros; back to zeros when all have arrived
  int* schedule;        // starts [parts + 1], padded to 4; segments; per request first slot, slots
  long long pageStride;  // elements from a page to the next
  int batch, queryLength, queryHeads, stateHeads;
  int stateDim, keyStart, keyWidth, valueStart;
  int valueWidth, ropeDim, tableStride, parts;
  int window;         // 0 for all
  float scaleLog2;    // scale * log2(e)
  int queryBfloat;    // 1 where queries are bf16
  int outputBfloat;   // 1 where the output is bf16
  int headsPerBlock;  // states a block owns (grouped kernel)
  int rowTiles;       // tiles of 16 query rows a block owns of each state (grouped kernel)
  int tileTokens;     // tokens of a pipeline stage (grouped kernel)
  int stages;         // pipeline stages (stream kernel)
};

struct Segment {
  int request, begin, end, slot;
};

__device__ __forceinline__ int segments_at(const DecodeArguments& a) { return (a.parts + 4) / 4 * 4; }

__device__ __forceinline__ Segment segment(const DecodeArguments& a, int index) {
  const int4 s = *reinterpret_cast<const int4*>(a.schedule + segments_at(a) + SEGMENT_INTS * index);
  return {s.x, s.y, s.z, s.w};
}
__device__ __forceinline__ const int* merges(const DecodeArguments& a) {
  return a.schedule + segments_at(a) + SEGMENT_INTS * (a.batch + a.parts);
}

__device__ __forceinline__ int row_elements(const DecodeArguments& a) {
  return a.stateHeads * a.stateDim + a.ropeDim;
}
// Query heads that share a state.
__device__ __forceinline__ int group(const DecodeArguments& a) { return a.queryHeads / a.stateHeads; }

// Row i of a state's query rows: new token i / group, head i % group of the state's group.
struct QueryRow {
  int token, head;
  bool valid;
};
__device__ __forceinline__ QueryRow query_row(const DecodeArguments& a, int state, int row) {
  const int size = group(a);
  return {row / size, state * size + row % size, row < size * a.queryLength};
}

// Tokens [first, behind) that a new token sees.
struct Sight {
  int first, behind;
};
__device__ __forceinline__ Sight sight(const DecodeArguments& a, int length, int token) {
  const int behind = length - a.queryLength + 1 + token;
  return {a.window == 0 ? 0 : max(0, behind - a.window), behind};
}

__device__ __forceinline__ long long query_index(const DecodeArguments& a, int request, QueryRow row) {
  return (static_cast<long long>(request) * a.queryLength + row.token) * a.queryHeads + row.head;
}

__device__ __forceinline__ float query_element(const DecodeArguments& a, long long index) {
  return a.queryBfloat ? ptx::float_of(static_cast<const uint16_t*>(a.query)[index])
                       : static_cast<const float*>(a.query)[index];
}

// Where a row of a segment goes: to the output, or to the segment's slot.
struct Target {
  char* at;
  float* log;  // null where there is no slot
  bool bfloat;
  __device__ __forceinline__ Target(const DecodeArguments& a, const Segment& s, QueryRow row) {
    if (s.slot >= 0) {
      const long long i = (static_cast<long long>(s.slot) * a.queryLength + row.token) * a.queryHeads + row.head;
      at = reinterpret_cast<char*>(a.partial + i * a.valueWidth);
      log = a.partialLog + i;
      bfloat = false;
    } else {
      bfloat = a.outputBfloat;
      at = static_cast<char*>(a.output) + query_index(a, s.request, row) * a.valueWidth * (bfloat ? 2 : 4);
      log = nullptr;
    }
  }
  __device__ __forceinline__ void store(int column, float x) const {
    if (bfloat) reinterpret_cast<uint16_t*>(at)[column] = ptx::bfloat(x);
    else reinterpret_cast<float*>(at)[column] = x;
  }
  __device__ __forceinline__ void store(int column, float x, float y) const {
    if (bfloat) *reinterpret_cast<uint32_t*>(at + 2 * column) = ptx::pack(x, y);
    else *reinterpret_cast<float2*>(at + 4 * column) = make_float2(x, y);
  }
  __device__ __forceinline__ void store_log(float largest, float sum) const {
    if (log) *log = sum > 0 ? largest + log2f(sum) : -INFINITY;
  }
};

// Threads of a block that finish a segment together, and their barrier.
struct Team {
  int barrier, threads, thread;
  __device__ __forceinline__ bool any(bool mine) const {
    int all;
    asm volatile(
        "{\n.reg .pred p, q;\nsetp.ne.b32 p, %1, 0;\nbar.red.or.pred q, %2, %3, p;\nselp.b32 %0, 1, 0, q;\n}\n"
        : "=r"(all)
        : "r"(static_cast<int>(mine)), "r"(barrier), "r"(threads)
        : "memory");
    return all != 0;
  }
};

// The pieces of MERGED rows, merged by a warp. Lane 8 r + s knows slot s of row r, so that one load
// brings all logarithms; the loads of all rows' values are then in flight together.
constexpr int MERGED = 4;
static_assert(MERGED * FUSED_SLOTS == 32);

struct Merging {
  int request, first, slots;  // slots of the request
  QueryRow row;               // of lane / FUSED_SLOTS
};

template <int VECTOR>
__device__ __forceinline__ void merge_slots(const DecodeArguments& a, const Merging& m) {
  const int lane = threadIdx.x & 31, slot = lane % FUSED_SLOTS, rows = a.queryLength * a.queryHeads;
  const int row = m.row.valid ? m.row.token * a.queryHeads + m.row.head : 0;
  float weight = slot < m.slots ? __ldcg(a.partialLog + static_cast<long long>(m.first + slot) * rows + row) : -INFINITY;
  float largest = weight;
  for (int step = FUSED_SLOTS / 2; step > 0; step /= 2) largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, step));
  weight = weight == -INFINITY ? 0.0f : exp2f(weight - largest);
  float sum = weight;
  for (int step = FUSED_SLOTS / 2; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
  weight = sum > 0 ? weight / sum : 0.0f;
  int at[MERGED];
#pragma unroll
  for (int r = 0; r < MERGED; r++) at[r] = __shfl_sync(~0u, row, r * FUSED_SLOTS);
  for (int column = VECTOR * lane; column < (a.valueWidth + 32 * VECTOR - 1) / (32 * VECTOR) * (32 * VECTOR);
       column += 32 * VECTOR) {
    const bool inside = column < a.valueWidth;
    float value[MERGED][VECTOR] = {};
#pragma unroll 2
    for (int s = 0; s < m.slots; s++) {
      const float* slotAt = a.partial + static_cast<long long>(m.first + s) * rows * a.valueWidth + (inside ? column : 0);
#pragma unroll
      for (int r = 0; r < MERGED; r++) {
        const float w = __shfl_sync(~0u, weight, r * FUSED_SLOTS + s);
        const float* from = slotAt + static_cast<long long>(at[r]) * a.valueWidth;
        if constexpr (VECTOR == 4) {
          const float4 part = __ldcg(reinterpret_cast<const float4*>(from));
          value[r][0] += w * part.x;
          value[r][1] += w * part.y;
          value[r][2] += w * part.z;
          value[r][3] += w * part.w;
        } else {
          value[r][0] += w * __ldcg(from);
        }
      }
    }
#pragma unroll
    for (int r = 0; r < MERGED; r++) {
      const int token = __shfl_sync(~0u, m.row.token, r * FUSED_SLOTS);
      const int head = __shfl_sync(~0u, m.row.head, r * FUSED_SLOTS);
      const int valid = __shfl_sync(~0u, static_cast<int>(m.row.valid), r * FUSED_SLOTS);
      if (!valid || !inside) continue;
      const Target to(a, {m.request, 0, 0, -1}, {token, head, true});
      if constexpr (VECTOR == 4) {
        to.store(column, value[r][0], value[r][1]);
        to.store(column + 2, value[r][2], value[r][3]);
      } else {
        to.store(column, value[r][0]);
      }
    }
  }
}

// To be called by the whole team when it has stored a segment. `column` of `columns`: which of the
// blocks of a part this is; it owns rows [firstRow, firstRow + rows) of `states` states.
__device__ __forceinline__ void finish(const DecodeArguments& a, const Segment& s, const Team& team, int column,
                                       int columns, int firstState, int states, int firstRow, int rows) {
  if (s.slot < 0) return;
  const int2 merge = *reinterpret_cast<const int2*>(merges(a) + 2 * s.request);  // first slot, slots
  if (merge.y > FUSED_SLOTS) return;
  __threadfence();
  team.any(false);  // all have stored
  bool last = false;
  if (team.thread == 0) {
    const unsigned behind = merge.y - 1;
    last = atomicInc(a.arrivals + s.request * columns + column, behind) == behind;
  }
  if (!team.any(last)) return;
  __threadfence();
  const int lane = threadIdx.x & 31;
  for (int i = team.thread / 32 * MERGED; i < states * rows; i += team.threads / 32 * MERGED) {
    const int mine = i + lane / FUSED_SLOTS;
    Merging m{s.request, merge.x, merge.y, query_row(a, firstState + mine / rows, firstRow + mine % rows)};
    if (mine >= states * rows) m.row.valid = false;
    if (a.valueWidth % 4 == 0) merge_slots<4>(a, m);
    else merge_slots<1>(a, m);
  }
}
