/*
 * decode_schedule, decode_combine: before and after the decode kernels.
 *
 * decode_schedule writes the schedule that `cut` of DecodeSchedule.java would: the same integers. One
 * thread: it runs once a step, not once a layer, and takes a few microseconds.
 *
 * decode_combine merges the slots of each request that was cut: weights 2^(log - largest log), their
 * sum, the weighted sum of the slots' outputs. Requests of up to FUSED_SLOTS pieces were merged already.
 * Grid (batch * queryLength * queryHeads), a block a row of the output.
 */
#include "decode.cuh"

extern "C" __global__ void decode_schedule(const __grid_constant__ DecodeArguments a, int overhead) {
  if (threadIdx.x != 0) return;
  long long total = 0;
  for (int r = 0; r < a.batch; r++) {
    const int length = a.lengths[r];
    total += overhead + (length + PAGE - 1) / PAGE - sight(a, length, 0).first / PAGE;
  }
  int* merge = a.schedule + SEGMENT_INTS * (a.parts + a.batch);
  const auto at = [&](int index) { return a.schedule + SEGMENT_INTS * index; };
  int slots = 0, part = -1, last = -1, more = a.parts;  // `last`: the last segment of `part`
  long long start = 0;
  for (int r = 0; r < a.batch; r++) {
    const int length = a.lengths[r];
    const int first = sight(a, length, 0).first / PAGE;
    const int pages = (length + PAGE - 1) / PAGE - first;
    const int firstSlot = slots;
    int begin = 0, firstSegment = -1, firstPart = -1;
    do {
      // The part of page `begin`, and the first page that belongs to a later part.
      const int owner = static_cast<int>(min((start + overhead + begin) * a.parts / total, a.parts - 1LL));
      const long long next = ((owner + 1) * total + a.parts - 1) / a.parts - start - overhead;
      const int end = next < pages ? static_cast<int>(next) : pages;
      const bool whole = begin == 0 && end == pages;
      if (owner == part) {
        at(last)[7] = more;
        last = more++;
      } else {
        while (++part < owner) at(part)[0] = -1;
        last = owner;
      }
      int* s = at(last);
      s[0] = r;
      s[1] = first + begin;
      s[2] = first + end;
      s[3] = whole ? -1 : slots++;
      s[4] = length;
      s[5] = firstSlot;
      s[7] = -1;
      if (begin == 0) {
        firstSegment = last;
        firstPart = part;
      }
      begin = end;
    } while (begin < pages);
    // Pieces behind the first are the first segments of their parts.
    at(firstSegment)[6] = slots - firstSlot;
    for (int p = firstPart + 1; p <= part; p++) at(p)[6] = slots - firstSlot;
    merge[2 * r] = firstSlot;
    merge[2 * r + 1] = slots - firstSlot;
    start += overhead + pages;
  }
  while (++part < a.parts) at(part)[0] = -1;
}

namespace {
constexpr int THREADS = 128;

template <int VECTOR>
struct alignas(4 * VECTOR) Columns {
  float at[VECTOR];
};

// Slots of one row: who weighs how much. Every warp works it out for itself.
struct Slots {
  const float* log;  // of slot s at log[s * rows]
  int count, rows;
  float largest, sum;
  __device__ Slots(const float* log, int count, int rows) : log(log), count(count), rows(rows) {
    const int lane = threadIdx.x & 31;
    largest = -INFINITY;
    for (int s = lane; s < count; s += 32) largest = fmaxf(largest, log[static_cast<long long>(s) * rows]);
    for (int step = 16; step > 0; step /= 2) largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, step));
    sum = 0;
    for (int s = lane; s < count; s += 32) sum += weight(s);
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
  }
  __device__ float weight(int s) const {
    const float l = log[static_cast<long long>(s) * rows];
    return l == -INFINITY ? 0.0f : exp2f(l - largest);
  }
};

// Threads are dealt out as teams of one thread per VECTOR columns; team t adds up slots t, t + teams...
template <int VECTOR>
__device__ void combine(const DecodeArguments& a, const Slots& slots, long long first, long long to) {
  __shared__ Columns<VECTOR> sums[THREADS];
  const int width = min(a.valueWidth / VECTOR, THREADS), teams = THREADS / width;
  const int team = threadIdx.x / width, member = threadIdx.x % width;
  for (int base = 0; base < a.valueWidth / VECTOR; base += width) {
    const int column = (base + member) * VECTOR;
    Columns<VECTOR> sum = {};
    if (team < teams && column < a.valueWidth) {
#pragma unroll 4
      for (int s = team; s < slots.count; s += teams) {
        const float weight = slots.weight(s);
        const Columns<VECTOR> part = *reinterpret_cast<const Columns<VECTOR>*>(
            a.partial + (first + static_cast<long long>(s) * slots.rows) * a.valueWidth + column);
        for (int i = 0; i < VECTOR; i++) sum.at[i] += weight > 0 ? weight * part.at[i] : 0.0f;
      }
    }
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (team == 0 && column < a.valueWidth) {
      for (int t = 1; t < teams; t++) {
        for (int i = 0; i < VECTOR; i++) sum.at[i] += sums[t * width + member].at[i];
      }
      for (int i = 0; i < VECTOR; i++) {
        const float output = slots.sum > 0 ? sum.at[i] / slots.sum : 0.0f;
        const long long at = to * a.valueWidth + column + i;
        if (a.outputBfloat) static_cast<uint16_t*>(a.output)[at] = ptx::bfloat(output);
        else static_cast<float*>(a.output)[at] = output;
      }
    }
    __syncthreads();
  }
}
}  // namespace

extern "C" __global__ void __launch_bounds__(THREADS) decode_combine(const __grid_constant__ DecodeArguments a) {
  const int rows = a.queryLength * a.queryHeads;
  const int request = blockIdx.x / rows, within = blockIdx.x % rows;
  const int2 merge = *reinterpret_cast<const int2*>(merges(a) + 2 * request);  // first slot, slots
  if (merge.y <= FUSED_SLOTS) return;
  const long long first = static_cast<long long>(merge.x) * rows + within;
  const Slots slots(a.partialLog + first, merge.y, rows);
  if (a.valueWidth % 4 == 0) combine<4>(a, slots, first, blockIdx.x);
  else combine<1>(a, slots, first, blockIdx.x);
}
