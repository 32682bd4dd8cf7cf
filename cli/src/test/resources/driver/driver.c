/*
 * A stand-in for libcuda.so.1 that computes nothing, for tests of how commands end when a driver fails.
 *
 * STAND_IN     old: the driver speaks CUDA 11.8; none: it finds no GPU; full: device memory is used up
 *              after a while; fault: a kernel fails, and from then on every call
 * STAND_IN_LOG a file: when the context is given back, what is still held there is written to it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long address;

enum { OK = 0, OUT_OF_MEMORY = 2, NO_DEVICE = 100, ILLEGAL_ADDRESS = 700 };
enum { ROOM = 1 << 20, MOST = 1 << 16 };

static void* blocks[MOST];
static int taken, held, launches;

static int is(const char* mode) {
  const char* chosen = getenv("STAND_IN");
  return chosen && !strcmp(chosen, mode);
}

static int state(void) { return is("fault") && launches > 0 ? ILLEGAL_ADDRESS : OK; }

static int take(void** to, size_t bytes) {
  if (state()) return state();
  *to = blocks[taken % MOST] = malloc(bytes < 64 ? 64 : bytes);
  memset(*to, 0, bytes < 64 ? 64 : bytes);
  taken++;
  held++;
  return OK;
}

static int give(void* block) {
  if (state()) return state();
  free(block);
  held--;
  return OK;
}

static void say(const char* what) {
  const char* path = getenv("STAND_IN_LOG");
  FILE* log = path ? fopen(path, "a") : NULL;
  if (!log) return;
  fprintf(log, "%s %d of %d held\n", what, held, taken);
  fclose(log);
}

int cuInit(unsigned flags) { return is("none") ? NO_DEVICE : OK; }
int cuDriverGetVersion(int* v) { return *v = is("old") ? 11080 : 12040, OK; }
int cuDeviceGetCount(int* n) { return *n = 1, OK; }
int cuDeviceGet(int* device, int ordinal) { return *device = ordinal, OK; }
int cuDeviceGetName(char* to, int size, int device) { return snprintf(to, size, "a stand-in"), OK; }
int cuDeviceTotalMem_v2(size_t* bytes, int device) { return *bytes = 1ul << 33, OK; }
int cuDeviceGetAttribute(int* value, int which, int device) {
  *value = which == 75 ? 9 : which == 76 ? 0 : which == 16 ? 132 : 1 << 17;  // compute capability 9.0
  return OK;
}
int cuDevicePrimaryCtxRetain(void** context, int device) { return *context = blocks, OK; }
int cuDevicePrimaryCtxReset_v2(int device) {  // frees all, whatever failed before
  held = 0;
  say("reset:");
  return OK;
}
int cuDevicePrimaryCtxRelease_v2(int device) { return say("released:"), OK; }
int cuCtxSetCurrent(void* context) { return OK; }
int cuCtxSynchronize(void) { return state(); }

int cuMemAlloc_v2(address* to, size_t bytes) {
  static size_t all;
  all += bytes;
  return is("full") && all > ROOM ? OUT_OF_MEMORY : take((void**)to, bytes);
}
int cuMemFree_v2(address block) { return give((void*)block); }
int cuMemHostAlloc(void** to, size_t bytes, unsigned flags) { return take(to, bytes); }
int cuMemFreeHost(void* block) { return give(block); }
int cuMemGetInfo_v2(size_t* left, size_t* all) { return *left = *all = 1ul << 33, state(); }
int cuMemcpyHtoD_v2(address to, const void* from, size_t n) { return state(); }
int cuMemcpyHtoDAsync_v2(address to, const void* from, size_t n, void* stream) { return state(); }
int cuMemcpyDtoH_v2(void* to, address from, size_t n) { return state(); }
int cuMemcpyDtoHAsync_v2(void* to, address from, size_t n, void* stream) { return state(); }
int cuMemcpyDtoDAsync_v2(address to, address from, size_t n, void* stream) { return state(); }
int cuMemsetD8_v2(address to, unsigned char value, size_t n) { return state(); }
int cuMemsetD8Async(address to, unsigned char value, size_t n, void* stream) { return state(); }

int cuStreamCreate(void** stream, unsigned flags) { return *stream = blocks, state(); }
int cuStreamDestroy_v2(void* stream) { return state(); }
int cuStreamSynchronize(void* stream) { return state(); }
int cuStreamWaitEvent(void* stream, void* event, unsigned flags) { return state(); }
int cuEventCreate(void** event, unsigned flags) { return *event = blocks, state(); }
int cuEventDestroy_v2(void* event) { return state(); }
int cuEventRecord(void* event, void* stream) { return state(); }
int cuEventSynchronize(void* event) { return state(); }
int cuModuleLoadData(void** module, const void* image) { return *module = blocks, state(); }
int cuModuleUnload(void* module) { return state(); }
int cuModuleGetFunction(void** kernel, void* module, const char* name) { return *kernel = blocks, state(); }
int cuFuncSetAttribute(void* kernel, int which, int value) { return state(); }
int cuLaunchKernel(void* kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void* stream, void** arguments, void** extra) {
  int before = state();
  launches++;  // what it does wrong shows later
  return before;
}
