#include "driver.hpp"

#include <dlfcn.h>

#include "failure.hpp"

namespace tpgan {
namespace {

// CUdevice_attribute
constexpr int kMajor = 75, kMinor = 76;
// CUstream_flags, CUevent_flags, CUstreamCaptureMode
constexpr unsigned kNonBlocking = 1, kWithoutTime = 2;
constexpr int kThreadLocal = 1;

void* symbol(const char* name) {
  static void* const library = dlopen("libcuda.so.1", RTLD_NOW);
  if (library == nullptr) {
    throw Failure(TPGAN_NO_GPU, "no NVIDIA driver: libcuda.so.1 is not on this machine");
  }
  void* const found = dlsym(library, name);
  if (found == nullptr) {
    throw Failure(TPGAN_NO_GPU, std::string("the NVIDIA driver is too old: it has no ") + name);
  }
  return found;
}

// A function of the driver, found at its first use. Names carry their version, as in the library.
template <class... Parameters>
class Call {
 public:
  explicit Call(const char* name) : name_(name) {}

  int status(Parameters... arguments) {
    if (function_ == nullptr) {
      function_ = reinterpret_cast<int (*)(Parameters...)>(symbol(name_));
    }
    return function_(arguments...);
  }

  void operator()(Parameters... arguments) {
    if (const int result = status(arguments...); result != 0) {
      throw Failure(TPGAN_CUDA_ERROR,
                    std::string(name_) + " failed with CUDA error " + std::to_string(result));
    }
  }

 private:
  const char* name_;
  int (*function_)(Parameters...) = nullptr;
};

struct Driver {
  Call<unsigned> init{"cuInit"};
  Call<int*> version{"cuDriverGetVersion"};
  Call<int*> count{"cuDeviceGetCount"};
  Call<int*, int> device{"cuDeviceGet"};
  Call<int*, int, int> attribute{"cuDeviceGetAttribute"};
  Call<void**, int> retain{"cuDevicePrimaryCtxRetain"};
  Call<int> release{"cuDevicePrimaryCtxRelease_v2"};
  Call<void*> push{"cuCtxPushCurrent_v2"};
  Call<void**> pop{"cuCtxPopCurrent_v2"};
  Call<> synchronize{"cuCtxSynchronize"};
  Call<void**, const void*> load{"cuModuleLoadData"};
  Call<void*> unload{"cuModuleUnload"};
  Call<void**, void*, const char*> function{"cuModuleGetFunction"};
  Call<DevicePointer*, std::size_t> allocate{"cuMemAlloc_v2"};
  Call<DevicePointer, unsigned char, std::size_t> fill{"cuMemsetD8_v2"};
  Call<DevicePointer> release_memory{"cuMemFree_v2"};
  Call<void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**,
       void**>
      launch{"cuLaunchKernel"};
  Call<void**, unsigned> stream{"cuStreamCreate"};
  Call<void*> end_stream{"cuStreamDestroy_v2"};
  Call<void*> finish{"cuStreamSynchronize"};
  Call<void**, unsigned> event{"cuEventCreate"};
  Call<void*> end_event{"cuEventDestroy_v2"};
  Call<void*, void*> record{"cuEventRecord"};
  Call<void*, void*, unsigned> wait_event{"cuStreamWaitEvent"};
  Call<void*, int> begin_capture{"cuStreamBeginCapture_v2"};
  Call<void*, void**> end_capture{"cuStreamEndCapture"};
  Call<void**, void*, unsigned long long> instantiate{"cuGraphInstantiateWithFlags"};
  Call<void*> end_graph{"cuGraphDestroy"};
  Call<void*, void*> launch_graph{"cuGraphLaunch"};
  Call<void*> end_recorded{"cuGraphExecDestroy"};
};

// One for each thread: calls find their functions without a lock.
Driver& driver() {
  thread_local Driver result;
  return result;
}

}  // namespace

Gpu::Gpu(std::int32_t device) {
  int count = 0;
  if (const int status = driver().init.status(0); status != 0) {
    throw Failure(TPGAN_NO_GPU, "the NVIDIA driver does not start: cuInit returned " +
                                    std::to_string(status));
  }
  driver().count(&count);
  if (device < 0 || device >= count) {
    throw Failure(TPGAN_NO_GPU, "device cuda:" + std::to_string(device) +
                                    " does not exist; GPUs here: " + std::to_string(count));
  }
  int version = 0, major = 0, minor = 0;
  driver().version(&version);
  driver().device(&device_, device);
  driver().attribute(&major, kMajor, device_);
  driver().attribute(&minor, kMinor, device_);
  sm_ = 10 * major + minor;
  cuda_ = version / 1000 * 10 + version % 1000 / 10;
  driver().retain(&context_, device_);
}

Gpu::~Gpu() { driver().release.status(device_); }

Gpu::Active::Active(const Gpu& gpu) { driver().push(gpu.context_); }

Gpu::Active::~Active() {
  void* ignored = nullptr;
  driver().pop.status(&ignored);
}

Module Gpu::load(const void* fatbin) {
  Module result = nullptr;
  driver().load(&result, fatbin);
  return result;
}

void Gpu::unload(Module module) noexcept { driver().unload.status(module); }

Function Gpu::function(Module module, const char* name) {
  Function result = nullptr;
  driver().function(&result, module, name);
  return result;
}

void Gpu::launch(Function function, Grid grid, Grid block, void** arguments,
                 tpgan_stream stream) {
  driver().launch(function, grid.x, grid.y, 1, block.x, block.y, 1, 0, stream, arguments, nullptr);
}

void Gpu::wait() { driver().synchronize(); }

void Gpu::wait_for(tpgan_stream stream, const Event& event) {
  driver().wait_event(stream, event.handle(), 0);
}

Stream::Stream() { driver().stream(&handle_, kNonBlocking); }

Stream::~Stream() { driver().end_stream.status(handle_); }

void Stream::wait() const { driver().finish(handle_); }

Event::Event() { driver().event(&handle_, kWithoutTime); }

Event::~Event() { driver().end_event.status(handle_); }

void Event::record(tpgan_stream stream) { driver().record(handle_, stream); }

Graph::Graph(const Stream& stream, const std::function<void()>& work) {
  void* graph = nullptr;
  driver().begin_capture(stream.handle(), kThreadLocal);
  try {
    work();
  } catch (...) {  // a stream left in capture is of no use
    if (driver().end_capture.status(stream.handle(), &graph) == 0) {
      driver().end_graph.status(graph);
    }
    throw;
  }
  driver().end_capture(stream.handle(), &graph);
  const int status = driver().instantiate.status(&handle_, graph, 0);
  driver().end_graph.status(graph);
  if (status != 0) {
    throw Failure(TPGAN_CUDA_ERROR, "cuGraphInstantiateWithFlags failed with CUDA error " +
                                        std::to_string(status));
  }
}

Graph::~Graph() {
  if (handle_ != nullptr) {
    driver().end_recorded.status(handle_);
  }
}

void Graph::launch(tpgan_stream stream) const { driver().launch_graph(handle_, stream); }

Memory::Memory(std::size_t bytes) {
  driver().allocate(&pointer_, bytes);
  if (const int status = driver().fill.status(pointer_, 0, bytes); status != 0) {
    driver().release_memory.status(pointer_);
    throw Failure(TPGAN_CUDA_ERROR, "cuMemsetD8 failed with CUDA error " + std::to_string(status));
  }
}

Memory::~Memory() {
  if (pointer_ != 0) {
    driver().release_memory.status(pointer_);
  }
}

}  // namespace tpgan
