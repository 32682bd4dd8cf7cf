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
// logarithm of the sum of its weights, which decode_combine merges.
#pragma once
#include <cstdint>

#include "ptx.cuh"

constexpr int PAGE = 64;         // tokens of a page
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
// Elements index and index + 1 (index even) of the queries, as BF16.
__device__ __forceinline__ uint32_t query_pair(const DecodeArguments& a, long long index) {
  if (a.queryBfloat) return *reinterpret_cast<const uint32_t*>(static_cast<const uint16_t*>(a.query) + index);
  const float2 pair = *reinterpret_cast<const float2*>(static_cast<const float*>(a.query) + index);
  return ptx::pack(pair.x, pair.y);
}

// Where row `row` of a segment goes: to the output, or to the segment's slot.
__device__ __forceinline__ void store2(const DecodeArguments& a, const Segment& s, QueryRow row, int column,
                                       float x, float y) {
  if (s.slot >= 0) {
    const long long at = (static_cast<long long>(s.slot) * a.queryLength + row.token) * a.queryHeads + row.head;
    *reinterpret_cast<float2*>(a.partial + at * a.valueWidth + column) = make_float2(x, y);
    return;
  }
  const long long at = query_index(a, s.request, row) * a.valueWidth + column;
  if (a.outputBfloat) {
    *reinterpret_cast<uint32_t*>(static_cast<uint16_t*>(a.output) + at) = ptx::pack(x, y);
  } else {
    *reinterpret_cast<float2*>(static_cast<float*>(a.output) + at) = make_float2(x, y);
  }
}
__device__ __forceinline__ void store_log(const DecodeArguments& a, const Segment& s, QueryRow row, float largest,
                                          float sum) {
  if (s.slot >= 0) {
    const long long at = (static_cast<long long>(s.slot) * a.queryLength + row.token) * a.queryHeads + row.head;
    a.partialLog[at] = sum > 0 ? largest + log2f(sum) : -INFINITY;
  }
}
