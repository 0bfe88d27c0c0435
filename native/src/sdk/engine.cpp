#include "engine.hpp"

#include <NvInfer.h>

#include <algorithm>
#include <cstdio>

#include "failure.hpp"
#include "tpgan/device/align.hpp"

namespace tpgan {
namespace {

constexpr const char* kInputs[] = {"face", "left_eye", "right_eye", "nose", "mouth"};

// Errors of TensorRT go to stderr: the caller gets its own sentence with the status.
class Logger : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char* message) noexcept override {
    if (severity <= Severity::kERROR) {
      std::fprintf(stderr, "TensorRT: %s\n", message);
    }
  }
};

[[noreturn]] void fail(const std::string& message) { throw Failure(TPGAN_ENGINE_ERROR, message); }

nvinfer1::Dims shape_of(int tensor, std::int32_t rows) {
  nvinfer1::Dims shape = {};
  shape.nbDims = 4;
  shape.d[0] = rows;
  shape.d[1] = 3;
  shape.d[2] = tensor_height(tensor);
  shape.d[3] = tensor_width(tensor);
  return shape;
}

// All but the batch.
bool same_row(const nvinfer1::Dims& a, const nvinfer1::Dims& b) {
  return a.nbDims == b.nbDims && std::equal(a.d + 1, a.d + 4, b.d + 1);
}

}  // namespace

struct Engine::Parts {
  // Freed from the last to the first.
  Logger logger;
  std::unique_ptr<nvinfer1::IRuntime> runtime;
  std::unique_ptr<nvinfer1::ICudaEngine> engine;
  std::string output;

  void check_tensor(const char* name, int like, nvinfer1::TensorIOMode mode) const {
    if (engine->getTensorIOMode(name) != mode) {
      fail(std::string("the engine has no tensor ") + name + " where one is expected");
    }
    if (engine->getTensorDataType(name) != nvinfer1::DataType::kFLOAT) {
      fail(std::string("the engine's tensor ") + name + " is not float32; build it again");
    }
    if (!same_row(engine->getTensorShape(name), shape_of(like, -1))) {
      fail(std::string("the engine's tensor ") + name + " has not this SDK's shape");
    }
  }

  void check_tensors() {
    if (engine->getNbIOTensors() != kEngineTensors) {
      fail("the engine has not five inputs and one output");
    }
    for (int i = 0; i < kEngineTensors - 1; ++i) {
      check_tensor(kInputs[i], i, nvinfer1::TensorIOMode::kINPUT);
    }
    for (int i = 0; i < kEngineTensors; ++i) {
      const char* const name = engine->getIOTensorName(i);
      if (engine->getTensorIOMode(name) == nvinfer1::TensorIOMode::kOUTPUT) {
        output = name;
      }
    }
    check_tensor(output.c_str(), 0, nvinfer1::TensorIOMode::kOUTPUT);
  }

  std::int32_t batch(nvinfer1::OptProfileSelector which) const {
    return static_cast<std::int32_t>(engine->getProfileShape(kInputs[0], 0, which).d[0]);
  }
};

struct Context::Parts {
  std::unique_ptr<nvinfer1::IExecutionContext> context;
};

std::string Engine::version(const std::string& like) {
  const std::int32_t parts[] = {getInferLibMajorVersion(), getInferLibMinorVersion(),
                                getInferLibPatchVersion(), getInferLibBuildVersion()};
  const auto wanted = 1 + std::count(like.begin(), like.end(), '.');
  std::string result;
  for (int i = 0; i < 4 && i < std::max<std::ptrdiff_t>(wanted, 3); ++i) {
    result += (i == 0 ? "" : ".") + std::to_string(parts[i]);
  }
  return result;
}

Engine::Engine(const std::vector<char>& data) : parts_(std::make_unique<Parts>()) {
  Parts& p = *parts_;
  p.runtime.reset(nvinfer1::createInferRuntime(p.logger));
  if (p.runtime == nullptr) {
    fail("TensorRT does not start; see its message on stderr");
  }
  p.engine.reset(p.runtime->deserializeCudaEngine(data.data(), data.size()));
  if (p.engine == nullptr) {
    fail("TensorRT does not read the engine; see its message on stderr");
  }
  p.check_tensors();
  min_batch_ = p.batch(nvinfer1::OptProfileSelector::kMIN);
  max_batch_ = std::min(p.batch(nvinfer1::OptProfileSelector::kMAX), TPGAN_MAX_FACES);
}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;

Context Engine::context(const std::array<void*, kEngineTensors>& tensors) const {
  auto made = std::make_unique<Context::Parts>();
  made->context.reset(parts_->engine->createExecutionContext());
  if (made->context == nullptr) {
    fail("TensorRT makes no execution context: the GPU's memory is short");
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const char* const name = i < 5 ? kInputs[i] : parts_->output.c_str();
    if (!made->context->setTensorAddress(name, tensors[i])) {
      fail(std::string("TensorRT refuses the buffer of ") + name);
    }
  }
  return Context(std::move(made));
}

Context::Context(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Context::~Context() = default;
Context::Context(Context&&) noexcept = default;

void Context::enqueue(std::int32_t rows, tpgan_stream stream) {
  nvinfer1::IExecutionContext& context = *parts_->context;
  const bool same = rows == rows_;
  rows_ = 0;
  for (int i = 0; !same && i < kEngineTensors - 1; ++i) {
    if (!context.setInputShape(kInputs[i], shape_of(i, rows))) {
      fail("TensorRT refuses a batch of " + std::to_string(rows));
    }
  }
  rows_ = rows;
  if (!context.enqueueV3(static_cast<cudaStream_t>(stream))) {
    fail("TensorRT could not start the batch; see its message on stderr");
  }
}

}  // namespace tpgan
