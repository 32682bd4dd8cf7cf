/*
 * fit_norm: the RMS norm of latents in a step of training, and its transpose. float32.
 *
 *   fit_norm          y = gain unit x / r, r the root mean square of a latent   a warp a latent
 *   fit_norm_pull     derivative by x                                            a warp a latent
 *   fit_norm_lengths  1 / r                                                      a warp a latent
 *   fit_norm_gains    derivative by gain                                         a block an element
 *
 * Sums have one order: lanes stride over a latent and halve; threads stride over rows and halve.
 *
 * Twin      ScalarTrainingMath.java is the definition; CudaTrainingTest holds these to it.
 */
#include "warp.cuh"

// The twin of Norm: x [rows, groups, width], gain [groups, width], unit [width].
struct Norm {
  int rows, groups, width;
  float epsilon;
};

__device__ __forceinline__ float inverse(const float* x, const Norm& n, int lane) {
  float squares = 0;
  for (int i = lane; i < n.width; i += 32) squares = fmaf(x[i], x[i], squares);
  return 1 / sqrtf(warp_sum(squares) / n.width + n.epsilon);
}

// The latent of this warp, or -1 behind the last.
__device__ __forceinline__ long long latent(const Norm& n) {
  long long l = blockIdx.x * (long long)(blockDim.x / 32) + threadIdx.x / 32;
  return l < (long long)n.rows * n.groups ? l : -1;
}

extern "C" __global__ void fit_norm(const float* x, const float* gain, const float* unit, float* y,
                                    Norm n) {
  long long l = latent(n);
  if (l < 0) return;
  int lane = threadIdx.x % 32;
  const float* from = x + l * n.width;
  const float* g = gain + l % n.groups * n.width;
  float r = inverse(from, n, lane);
  for (int i = lane; i < n.width; i += 32) y[l * n.width + i] = from[i] * r * g[i] * unit[i];
}

extern "C" __global__ void fit_norm_pull(const float* x, const float* gain, const float* unit,
                                         const float* pulled, float* by_x, Norm n) {
  long long l = latent(n);
  if (l < 0) return;
  int lane = threadIdx.x % 32;
  const float* from = x + l * n.width;
  const float* p = pulled + l * n.width;
  const float* g = gain + l % n.groups * n.width;
  float r = inverse(from, n, lane);
  float along = 0;
  for (int i = lane; i < n.width; i += 32) along = fmaf(p[i] * g[i] * unit[i], from[i], along);
  along = warp_sum(along) * r * r / n.width;
  for (int i = lane; i < n.width; i += 32)
    by_x[l * n.width + i] = r * (p[i] * g[i] * unit[i] - from[i] * along);
}

extern "C" __global__ void fit_norm_lengths(const float* x, float* lengths, Norm n) {
  long long l = latent(n);
  if (l < 0) return;
  float r = inverse(x + l * n.width, n, threadIdx.x % 32);
  if (threadIdx.x % 32 == 0) lengths[l] = r;
}

extern "C" __global__ void fit_norm_gains(const float* x, const float* unit, const float* pulled,
                                          const float* lengths, float* by_gain, Norm n, int add) {
  __shared__ double sums[256];
  int column = blockIdx.x;  // of [groups, width]
  int group = column / n.width;
  int columns = n.groups * n.width;
  double sum = 0;
  for (int row = threadIdx.x; row < n.rows; row += 256) {
    long long at = (long long)row * columns + column;
    sum += (double)(pulled[at] * x[at] * lengths[(long long)row * n.groups + group]);
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
#pragma unroll
  for (int half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    float total = (float)(sums[0] * unit[column % n.width]);
    by_gain[column] = add ? by_gain[column] + total : total;
  }
}
