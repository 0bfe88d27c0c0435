// A TensorRT whose engines halve the crop and add the means of the four patches. An engine file is
// the word ENGINE and its smallest and largest batch, as "ENGINE 1 4"; with a third number it takes
// the face alone with such a margin, adds the mean of all of it, and gives a flow besides.
// FAKE_TENSORRT is the major version played.
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
  bool input;
  std::int64_t channels, height, width;
};
using Tensors = std::vector<Tensor>;

Tensors tensors_of(std::int64_t margin) {
  if (margin < 0) {
    return {{"face", true, 3, 128, 128},     {"left_eye", true, 3, 40, 40},
            {"right_eye", true, 3, 40, 40},  {"nose", true, 3, 32, 40},
            {"mouth", true, 3, 32, 48},      {"frontal", false, 3, 128, 128}};
  }
  const std::int64_t side = 128 + 2 * margin;
  return {{"face", true, 3, side, side}, {"flow", false, 2, 64, 64}, {"frontal", false, 3, 128, 128}};
}

std::int64_t values(const Tensor& tensor) { return tensor.channels * tensor.height * tensor.width; }

struct Engine : nvinfer1::ICudaEngine {
  std::int64_t low = 0, high = 0, margin = -1;
  Tensors tensors;

  // tensors.end(): there is none.
  Tensors::const_iterator find(const char* name) const {
    return std::find_if(tensors.begin(), tensors.end(), [name](const Tensor& tensor) {
      return std::strcmp(tensor.name, name) == 0;
    });
  }
};

const Engine& self_of(const nvinfer1::ICudaEngine* engine) {
  return *static_cast<const Engine*>(engine);
}

// What a kernel of the network is launched with.
struct Batch {
  const Engine* engine;
  std::int64_t rows;
  float* places[6];
};

struct Context : nvinfer1::IExecutionContext {
  const Engine* engine = nullptr;
  std::int64_t rows[6] = {};
  float* places[6] = {};

  bool ready() const {
    for (std::size_t i = 0; i < engine->tensors.size(); ++i) {
      const bool sized = !engine->tensors[i].input || (rows[i] != 0 && rows[i] == rows[0]);
      if (places[i] == nullptr || !sized) {
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
  const Tensors& tensors = self.engine->tensors;
  const std::int64_t side = tensors[0].height, edge = (side - 128) / 2;
  const bool alone = self.engine->margin >= 0;
  float* const output = self.places[tensors.size() - 1];
  ++ran;
  for (std::int64_t row = 0; row < self.rows; ++row) {
    float added = 0;
    for (std::size_t i = alone ? 0 : 1; i < tensors.size() && tensors[i].input; ++i) {
      added += mean_of(self.places[i] + row * values(tensors[i]), values(tensors[i]));
    }
    for (std::int64_t i = 0; i < 3 * 128 * 128; ++i) {
      const std::int64_t y = i / 128, x = i % 128;
      const std::int64_t from = (y / 128 * side + y % 128 + edge) * side + x + edge;
      output[row * 3 * 128 * 128 + i] =
          self.places[0][row * values(tensors[0]) + from] * 0.5F + added;
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
  if (!(text >> engine.margin)) {
    engine.margin = -1;
  }
  engine.tensors = tensors_of(engine.margin);
  return new Engine(engine);
}

std::int32_t ICudaEngine::getNbIOTensors() const noexcept {
  return static_cast<std::int32_t>(self_of(this).tensors.size());
}
char const* ICudaEngine::getIOTensorName(std::int32_t i) const noexcept {
  return self_of(this).tensors[static_cast<std::size_t>(i)].name;
}
DataType ICudaEngine::getTensorDataType(char const*) const noexcept { return DataType::kFLOAT; }

TensorIOMode ICudaEngine::getTensorIOMode(char const* name) const noexcept {
  const auto found = self_of(this).find(name);
  return found == self_of(this).tensors.end() ? TensorIOMode::kNONE
         : found->input                       ? TensorIOMode::kINPUT
                                              : TensorIOMode::kOUTPUT;
}

Dims ICudaEngine::getTensorShape(char const* name) const noexcept {
  const auto found = self_of(this).find(name);
  return Dims{4, {-1, found->channels, found->height, found->width}};
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
  const auto found = self.engine->find(name);
  if (found == self.engine->tensors.end() || !found->input || dims.nbDims != 4 ||
      dims.d[1] != found->channels || dims.d[2] != found->height || dims.d[3] != found->width ||
      dims.d[0] < self.engine->low || dims.d[0] > self.engine->high) {
    return false;
  }
  self.rows[found - self.engine->tensors.begin()] = dims.d[0];
  return true;
}

bool IExecutionContext::setTensorAddress(char const* name, void* data) noexcept {
  Context& self = *static_cast<Context*>(this);
  const auto found = self.engine->find(name);
  if (found == self.engine->tensors.end()) {
    return false;
  }
  self.places[found - self.engine->tensors.begin()] = static_cast<float*>(data);
  return true;
}

bool IExecutionContext::enqueueV3(cudaStream_t stream) noexcept {
  const Context& self = *static_cast<const Context*>(this);
  if (!self.ready()) {
    return false;
  }
  ++enqueued;
  Batch batch = {self.engine, self.rows[0], {}};
  std::copy(self.places, self.places + 6, batch.places);
  return put()(stream, run_batch, &batch, sizeof batch) == 0;
}

}  // namespace nvinfer1
