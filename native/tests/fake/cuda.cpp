// A libcuda.so.1 for tests without a GPU: device memory is the host's, and a launch runs the
// kernels' own source, thread by thread. FAKE_SM and FAKE_CUDA (13000 is 13.0) choose GPU and
// driver, FAKE_FAIL a function that fails. The part with streams and graphs is in streams.hpp.
#include <pthread.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

// What nvcc defines.
struct Index {
  unsigned x, y, z;
};
static thread_local Index threadIdx, blockIdx;
static Index blockDim;
static pthread_barrier_t barrier;
#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(threads)
#define __grid_constant__
static void __syncthreads() { pthread_barrier_wait(&barrier); }
static void atomicAdd(std::int32_t* place, std::int32_t value) {
  __atomic_fetch_add(place, value, __ATOMIC_SEQ_CST);
}

#include "kernels.cu"

namespace {

constexpr int kOk = 0, kInvalidValue = 1, kNotFound = 500;

int setting(const char* name, int otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

void thread_of(const char* name, void** arguments) {
  const auto is = [name](const char* other) { return std::strcmp(name, other) == 0; };
  auto& align = *static_cast<AlignBatch*>(arguments[0]);
  auto& finish = *static_cast<FinishBatch*>(arguments[0]);
  auto& paste = *static_cast<PastePlan*>(arguments[0]);
  if (is("tpgan_align_fp32")) {
    tpgan_align_fp32(align);
  } else if (is("tpgan_align_fp16")) {
    tpgan_align_fp16(align);
  } else if (is("tpgan_finish_fp32")) {
    tpgan_finish_fp32(finish);
  } else if (is("tpgan_finish_fp16")) {
    tpgan_finish_fp16(finish);
  } else if (is("tpgan_match")) {
    tpgan_match(paste, *static_cast<RgbFloat**>(arguments[1]));
  } else {
    tpgan_paste(paste, *static_cast<RgbFloat**>(arguments[1]));
  }
}

struct Worker {
  pthread_t thread;
  unsigned x;
  void** arguments;
};

void* run_worker(void* worker) {
  const Worker& self = *static_cast<Worker*>(worker);
  threadIdx = {self.x, 0, 0};
  blockIdx = {0, 0, 0};
  thread_of("tpgan_match", self.arguments);
  return nullptr;
}

// Threads that wait for each other need one of the host's each. Allocates nothing, so that a test
// can count the SDK's allocations.
void run_match(void** arguments) {
  static Worker workers[256];
  pthread_barrier_init(&barrier, nullptr, blockDim.x);
  for (unsigned x = 0; x < blockDim.x; ++x) {
    workers[x] = {{}, x, arguments};
    pthread_create(&workers[x].thread, nullptr, run_worker, &workers[x]);
  }
  for (unsigned x = 0; x < blockDim.x; ++x) {
    pthread_join(workers[x].thread, nullptr);
  }
  pthread_barrier_destroy(&barrier);
}

void run_in_turn(const char* name, Index grid, void** arguments) {
  for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y) {
    for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) {
      for (threadIdx.y = 0; threadIdx.y < blockDim.y; ++threadIdx.y) {
        for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) {
          thread_of(name, arguments);
        }
      }
    }
  }
}

thread_local int depth = 0;

bool fails(const char* name) {
  const char* const chosen = std::getenv("FAKE_FAIL");
  return chosen != nullptr && std::strcmp(chosen, name) == 0;
}

}  // namespace

#include "streams.hpp"

// The driver's own names and types.
extern "C" {

int cuInit(unsigned) { return kOk; }

int cuDriverGetVersion(int* version) {
  *version = setting("FAKE_CUDA", 13000);
  return kOk;
}

int cuDeviceGetCount(int* count) {
  *count = 1;
  return kOk;
}

int cuDeviceGet(int* device, int index) {
  *device = index;
  return kOk;
}

int cuDeviceGetAttribute(int* value, int attribute, int) {
  const int sm = setting("FAKE_SM", 87);
  *value = attribute == 75 ? sm / 10 : sm % 10;
  return kOk;
}

int cuDevicePrimaryCtxRetain(void** context, int) {
  *context = &barrier;
  return kOk;
}

int cuDevicePrimaryCtxRelease_v2(int) { return kOk; }

int cuCtxPushCurrent_v2(void*) {
  ++depth;
  return kOk;
}

int cuCtxPopCurrent_v2(void**) { return --depth >= 0 ? kOk : kInvalidValue; }

int cuCtxSetCurrent(void*) {
  depth = 1;
  return kOk;
}

int cuCtxSynchronize() { return kOk; }

int cuModuleLoadData(void** module, const void*) {
  *module = &barrier;
  return depth > 0 ? kOk : kInvalidValue;
}

int cuModuleUnload(void*) { return kOk; }

int cuModuleGetFunction(void** function, void*, const char* name) {
  static const char* const names[] = {"tpgan_align_fp32",  "tpgan_align_fp16", "tpgan_finish_fp32",
                                      "tpgan_finish_fp16", "tpgan_match",      "tpgan_paste"};
  for (const char* const known : names) {
    if (std::strcmp(name, known) == 0) {
      *function = const_cast<char*>(known);
      return kOk;
    }
  }
  return kNotFound;
}

int cuMemAlloc_v2(std::uint64_t* address, std::size_t bytes) {
  *address = reinterpret_cast<std::uintptr_t>(std::malloc(bytes));
  return depth > 0 ? kOk : kInvalidValue;
}

int cuMemsetD8_v2(std::uint64_t address, unsigned char value, std::size_t bytes) {
  std::memset(reinterpret_cast<void*>(static_cast<std::uintptr_t>(address)), value, bytes);
  return kOk;
}

int cuMemcpyHtoD_v2(std::uint64_t to, const void* from, std::size_t bytes) {
  std::memcpy(reinterpret_cast<void*>(static_cast<std::uintptr_t>(to)), from, bytes);
  return kOk;
}

int cuMemcpyDtoH_v2(void* to, std::uint64_t from, std::size_t bytes) {
  std::memcpy(to, reinterpret_cast<const void*>(static_cast<std::uintptr_t>(from)), bytes);
  return kOk;
}

int cuMemFree_v2(std::uint64_t address) {
  std::free(reinterpret_cast<void*>(static_cast<std::uintptr_t>(address)));
  return depth > 0 ? kOk : kInvalidValue;
}

int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned, unsigned block_x,
                   unsigned block_y, unsigned, unsigned, void* stream, void** arguments,
                   void**) {
  if (depth == 0 || grid_x == 0 || grid_y == 0 || block_x * block_y > 256 || recording(stream)) {
    return kInvalidValue;  // the SDK records none of its own kernels
  }
  blockDim = {block_x, block_y, 1};
  const auto* const name = static_cast<const char*>(function);
  if (std::strcmp(name, "tpgan_match") == 0) {
    run_match(arguments);
  } else {
    run_in_turn(name, {grid_x, grid_y, 1}, arguments);
  }
  return kOk;
}
}
