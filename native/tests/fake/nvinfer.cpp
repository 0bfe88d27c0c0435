// A TensorRT whose engines halve the face and add the means of the four patches. An engine file is
// the word ENGINE and its smallest and largest batch, as "ENGINE 1 4". FAKE_TENSORRT is the major
// version played.
#include "nvinfer.hpp"

#include <NvInfer.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct Tensor {
  const char* name;
  std::int64_t height, width;
};
constexpr Tensor kTensors[] = {{"face", 128, 128},   {"left_eye", 40, 40}, {"right_eye", 40, 40},
                               {"nose", 32, 40},     {"mouth", 32, 48},    {"frontal", 128, 128}};

const Tensor* find(const char* name) {
  for (const Tensor& tensor : kTensors) {
    if (std::strcmp(tensor.name, name) == 0) {
      return &tensor;
    }
  }
  return nullptr;
}

std::int64_t values(const Tensor& tensor) { return 3 * tensor.height * tensor.width; }

struct Engine : nvinfer1::ICudaEngine {
  std::int64_t low = 0, high = 0;
};

// What a kernel of the network is launched with.
struct Batch {
  std::int64_t rows;
  float* places[6];
};

struct Context : nvinfer1::IExecutionContext {
  const Engine* engine = nullptr;
  std::int64_t rows[6] = {};
  float* places[6] = {};

  bool ready() const {
    for (int i = 0; i < 6; ++i) {
      if (places[i] == nullptr || (i < 5 && (rows[i] == 0 || rows[i] != rows[0]))) {
        return false;
      }
    }
    return true;
  }
};

long enqueued = 0, ran = 0;

float mean_of(const float* first, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    sum += static_cast<double>(first[i]);
  }
  return static_cast<float>(sum / static_cast<double>(count));
}

void run_batch(const void* data) {
  const Batch& self = *static_cast<const Batch*>(data);
  ++ran;
  for (std::int64_t row = 0; row < self.rows; ++row) {
    float patches = 0;
    for (int i = 1; i < 5; ++i) {
      patches += mean_of(self.places[i] + row * values(kTensors[i]), values(kTensors[i]));
    }
    const std::int64_t size = values(kTensors[0]);
    for (std::int64_t i = row * size; i < (row + 1) * size; ++i) {
      self.places[5][i] = self.places[0][i] * 0.5F + patches;
    }
  }
}

using Put = int (*)(void* stream, void (*run)(const void*), const void* data, std::size_t size);

// Of the fake driver, which knows whether the stream is recorded.
Put put() {
  static const Put found =
      reinterpret_cast<Put>(dlsym(dlopen("libcuda.so.1", RTLD_NOW), "fake_put"));
  return found;
}

}  // namespace

long fake_enqueued() { return enqueued; }
long fake_ran() { return ran; }

extern "C" {
std::int32_t getInferLibMajorVersion() noexcept {
  const char* const version = std::getenv("FAKE_TENSORRT");
  return version == nullptr ? 10 : std::atoi(version);
}
std::int32_t getInferLibMinorVersion() noexcept { return 3; }
std::int32_t getInferLibPatchVersion() noexcept { return 0; }
std::int32_t getInferLibBuildVersion() noexcept { return 26; }
}

namespace nvinfer1 {

IRuntime* createInferRuntime(ILogger&) noexcept { return new IRuntime; }

ICudaEngine* IRuntime::deserializeCudaEngine(void const* blob, std::size_t size) noexcept {
  std::istringstream text(std::string(static_cast<const char*>(blob), size));
  std::string word;
  Engine engine;
  if (!(text >> word >> engine.low >> engine.high) || word != "ENGINE") {
    return nullptr;
  }
  return new Engine(engine);
}

std::int32_t ICudaEngine::getNbIOTensors() const noexcept { return 6; }
char const* ICudaEngine::getIOTensorName(std::int32_t i) const noexcept { return kTensors[i].name; }
DataType ICudaEngine::getTensorDataType(char const*) const noexcept { return DataType::kFLOAT; }

TensorIOMode ICudaEngine::getTensorIOMode(char const* name) const noexcept {
  const Tensor* const found = find(name);
  return found == nullptr       ? TensorIOMode::kNONE
         : found == kTensors + 5 ? TensorIOMode::kOUTPUT
                                 : TensorIOMode::kINPUT;
}

Dims ICudaEngine::getTensorShape(char const* name) const noexcept {
  const Tensor* const found = find(name);
  return Dims{4, {-1, 3, found->height, found->width}};
}

Dims ICudaEngine::getProfileShape(char const* name, std::int32_t,
                                  OptProfileSelector select) const noexcept {
  Dims shape = getTensorShape(name);
  const Engine& self = *static_cast<const Engine*>(this);
  shape.d[0] = select == OptProfileSelector::kMIN ? self.low : self.high;
  return shape;
}

IExecutionContext* ICudaEngine::createExecutionContext(
    ExecutionContextAllocationStrategy) noexcept {
  auto* const context = new Context;
  context->engine = static_cast<const Engine*>(this);
  return context;
}

bool IExecutionContext::setInputShape(char const* name, Dims const& dims) noexcept {
  Context& self = *static_cast<Context*>(this);
  const Tensor* const found = find(name);
  if (found == nullptr || dims.nbDims != 4 || dims.d[1] != 3 || dims.d[2] != found->height ||
      dims.d[3] != found->width || dims.d[0] < self.engine->low ||
      dims.d[0] > self.engine->high) {
    return false;
  }
  self.rows[found - kTensors] = dims.d[0];
  return true;
}

bool IExecutionContext::setTensorAddress(char const* name, void* data) noexcept {
  const Tensor* const found = find(name);
  if (found == nullptr) {
    return false;
  }
  static_cast<Context*>(this)->places[found - kTensors] = static_cast<float*>(data);
  return true;
}

bool IExecutionContext::enqueueV3(cudaStream_t stream) noexcept {
  const Context& self = *static_cast<const Context*>(this);
  if (!self.ready()) {
    return false;
  }
  ++enqueued;
  Batch batch = {self.rows[0], {}};
  std::copy(self.places, self.places + 6, batch.places);
  return put()(stream, run_batch, &batch, sizeof batch) == 0;
}

}  // namespace nvinfer1
