#include "gpu.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace {

void* library() {
  static void* const handle = dlopen("libcuda.so.1", RTLD_NOW);
  return handle;
}

// A function of the driver; calling it throws unless it succeeds.
template <class Function>
struct Call;

template <class... Parameters>
struct Call<CUresult (*)(Parameters...)> {
  CUresult (*function)(Parameters...);
  const char* name;

  void operator()(Parameters... arguments) const {
    const CUresult result = function(arguments...);
    if (result != CUDA_SUCCESS) {
      throw std::runtime_error(std::string(name) + " returned " + std::to_string(result));
    }
  }
};

template <class Function>
Call<Function> find(const char* name) {
  void* const symbol = dlsym(library(), name);
  if (symbol == nullptr) {
    throw std::runtime_error(std::string("the driver has no ") + name);
  }
  return {reinterpret_cast<Function>(symbol), name};
}

// cuda.h maps names to versions by macros; both type and symbol are to be of the same version.
#define TPGAN_TEXT_OF(name) #name
#define TPGAN_TEXT(name) TPGAN_TEXT_OF(name)
#define CALL(name) find<decltype(&name)>(TPGAN_TEXT(name))

}  // namespace

std::string Gpu::missing() {
  if (library() == nullptr) {
    return "no NVIDIA driver: libcuda.so.1 is not on this machine";
  }
  int count = 0;
  try {
    CALL(cuInit)(0);
    CALL(cuDeviceGetCount)(&count);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return count > 0 ? "" : "the NVIDIA driver finds no GPU";
}

Gpu::Gpu(const std::string& fatbin) {
  std::ifstream file(fatbin, std::ios::binary);
  const std::vector<char> code{std::istreambuf_iterator<char>(file), {}};
  if (code.empty()) {
    throw std::runtime_error("cannot read " + fatbin);
  }
  CUdevice device = 0;
  CUcontext context = nullptr;
  CALL(cuInit)(0);
  CALL(cuDeviceGet)(&device, 0);
  CALL(cuDevicePrimaryCtxRetain)(&context, device);
  CALL(cuCtxSetCurrent)(context);
  CALL(cuModuleLoadData)(&module_, code.data());
}

CUdeviceptr Gpu::allocate(std::size_t bytes) {
  CUdeviceptr result = 0;
  CALL(cuMemAlloc)(&result, bytes);
  return result;
}

CUdeviceptr Gpu::upload(const void* data, std::size_t bytes) {
  const CUdeviceptr result = allocate(bytes);
  CALL(cuMemcpyHtoD)(result, data, bytes);
  return result;
}

void Gpu::download(void* to, CUdeviceptr from, std::size_t bytes) {
  CALL(cuMemcpyDtoH)(to, from, bytes);
}

void Gpu::launch(const char* kernel, Size grid, Size block, std::vector<void*> arguments) {
  CUfunction function = nullptr;
  CALL(cuModuleGetFunction)(&function, module_, kernel);
  CALL(cuLaunchKernel)(function, grid.x, grid.y, 1, block.x, block.y, 1, 0, nullptr,
       arguments.data(), nullptr);
}

void Gpu::wait() { CALL(cuCtxSynchronize)(); }

void Gpu::copy(CUdeviceptr to, CUdeviceptr from, std::size_t bytes) {
  CALL(cuMemcpyDtoDAsync)(to, from, bytes, nullptr);
}

float Gpu::median_microseconds(const std::function<void()>& work, int count) {
  CUevent begin = nullptr, end = nullptr;
  CALL(cuEventCreate)(&begin, CU_EVENT_DEFAULT);
  CALL(cuEventCreate)(&end, CU_EVENT_DEFAULT);
  std::vector<float> times(static_cast<std::size_t>(count));
  for (float& time : times) {
    CALL(cuEventRecord)(begin, nullptr);
    work();
    CALL(cuEventRecord)(end, nullptr);
    CALL(cuEventSynchronize)(end);
    CALL(cuEventElapsedTime)(&time, begin, end);
  }
  const auto middle = times.begin() + count / 2;
  std::nth_element(times.begin(), middle, times.end());
  return *middle * 1000.0F;
}
