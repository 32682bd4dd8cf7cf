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
constexpr int SEGMENT_INTS = 8;  // those of Segment

// The twin of DecodeArguments.java: same order, natural alignment.
struct DecodeArguments {
  const void* query;    // [batch, queryLength, queryHeads, keyWidth + ropeDim] f32 or bf16
  const void* cache;    // pages of [64, rowElements]
  const int* table;     // [batch, tableStride] page numbers
  const int* lengths;   // [batch] tokens in use, the new ones included: read by decode_schedule alone
  void* output;         // [batch, queryLength, queryHeads, valueWidth] f32 or bf16
  float* partial;       // [slots, queryLength, queryHeads, valueWidth]
  float* partialLog;    // [slots, queryLength, queryHeads]
  unsigned* arrivals;   // [batch, blocks of a part] zeros; back to zeros when all have arrived
  int* schedule;        // [parts + batch] segments, a part's first at its number; [batch] first slot, slots
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

// Pages [begin, end) of a request. All that a block must know of it before it asks for its first page
// comes with one read: after a step's other work nothing of this is in a cache any more.
struct Segment {
  int request;  // or -1: the part has nothing to do
  int begin, end;
  int slot;       // or -1 where this is all of the request
  int length;     // tokens of the request
  int firstSlot;  // of the request
  int slots;
  int next;  // the part's next segment, or -1
};
static_assert(sizeof(Segment) == 4 * SEGMENT_INTS);

__device__ __forceinline__ Segment segment(const DecodeArguments& a, int index) {
  const int4* at = reinterpret_cast<const int4*>(a.schedule + SEGMENT_INTS * index);
  const int4 first = at[0], second = at[1];
  return {first.x, first.y, first.z, first.w, second.x, second.y, second.z, second.w};
}
__device__ __forceinline__ Segment following(const DecodeArguments& a, const Segment& s) {
  return s.next < 0 ? Segment{-1} : segment(a, s.next);
}
__device__ __forceinline__ const int* merges(const DecodeArguments& a) {
  return a.schedule + SEGMENT_INTS * (a.parts + a.batch);
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

// Merges the pieces of a request, `rows` query rows from `firstRow` on of `states` states. A thread takes
// VECTOR columns of AT_ONCE rows at a time; what it reads of all their slots is in flight together.
template <int VECTOR, int SLOTS, int AT_ONCE>
__device__ __forceinline__ void merge(const DecodeArguments& a, const Segment& s, const Team& team, int firstState,
                                      int states, int firstRow, int rows) {
  const int width = min(a.valueWidth / VECTOR, team.threads), teams = team.threads / width;
  const int there = min(rows, group(a) * a.queryLength - firstRow), slotRows = a.queryLength * a.queryHeads;
  if (team.thread >= teams * width) return;
  for (int column = team.thread % width * VECTOR; column < a.valueWidth; column += width * VECTOR) {
    for (int first = team.thread / width; first < states * there; first += AT_ONCE * teams) {
      QueryRow row[AT_ONCE];
      float log[AT_ONCE][SLOTS], part[AT_ONCE][SLOTS][VECTOR];
#pragma unroll
      for (int i = 0; i < AT_ONCE; i++) {
        const int index = first + i * teams;
        row[i] = query_row(a, firstState + index / there, firstRow + index % there);
        row[i].valid = index < states * there;
        const long long at = static_cast<long long>(s.firstSlot) * slotRows + row[i].token * a.queryHeads + row[i].head;
        const float* logs = a.partialLog + at;
        const float* parts = a.partial + at * a.valueWidth + column;
#pragma unroll
        for (int j = 0; j < SLOTS; j++) {
          log[i][j] = -INFINITY;
          for (int v = 0; v < VECTOR; v++) part[i][j][v] = 0;
          if (!row[i].valid || j >= s.slots) continue;
          log[i][j] = __ldcg(logs + j * slotRows);
          const float* from = parts + static_cast<long long>(j) * slotRows * a.valueWidth;
          if constexpr (VECTOR == 4) {
            const float4 four = __ldcg(reinterpret_cast<const float4*>(from));
            part[i][j][0] = four.x;
            part[i][j][1] = four.y;
            part[i][j][2] = four.z;
            part[i][j][3] = four.w;
          } else {
            part[i][j][0] = __ldcg(from);
          }
        }
      }
#pragma unroll
      for (int i = 0; i < AT_ONCE; i++) {
        float largest = log[i][0], sum = 0, value[VECTOR] = {};
#pragma unroll
        for (int j = 1; j < SLOTS; j++) largest = fmaxf(largest, log[i][j]);
        if (largest == -INFINITY) largest = 0;
#pragma unroll
        for (int j = 0; j < SLOTS; j++) {
          const float weight = ptx::exp2(log[i][j] - largest);
          sum += weight;
          for (int v = 0; v < VECTOR; v++) value[v] += weight * part[i][j][v];
        }
        if (!row[i].valid) continue;
        const float factor = sum > 0 ? 1 / sum : 0.0f;
        const Target to(a, Segment{s.request, 0, 0, -1}, row[i]);
        if constexpr (VECTOR == 4) {
          to.store(column, value[0] * factor, value[1] * factor);
          to.store(column + 2, value[2] * factor, value[3] * factor);
        } else {
          to.store(column, value[0] * factor);
        }
      }
    }
  }
}

// To be called by the whole team when it has stored a segment. `column` of `columns`: which of the
// blocks of a part this is; it owns rows [firstRow, firstRow + rows) of `states` states. The width of
// values is a multiple of VECTOR; IN_FLIGHT vectors are read at a time.
template <int VECTOR, int IN_FLIGHT = 16>
__device__ __forceinline__ void finish(const DecodeArguments& a, const Segment& s, const Team& team, int column,
                                       int columns, int firstState, int states, int firstRow, int rows) {
  if (s.slot < 0 || s.slots > FUSED_SLOTS) return;
  team.any(false);  // all have stored
  bool last = false;
  if (team.thread == 0) {
    const unsigned behind = s.slots - 1;
    __threadfence();  // the barrier before it makes it speak for the whole team
    last = atomicInc(a.arrivals + s.request * columns + column, behind) == behind;
    __threadfence();
  }
  if (!team.any(last)) return;
  if (s.slots <= 4) merge<VECTOR, 4, IN_FLIGHT / 4>(a, s, team, firstState, states, firstRow, rows);
  else merge<VECTOR, 8, IN_FLIGHT / 8>(a, s, team, firstState, states, firstRow, rows);
}
