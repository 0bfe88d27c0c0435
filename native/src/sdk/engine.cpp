#include "engine.hpp"

#include <NvInfer.h>

#include <algorithm>
#include <cstdio>

#include "failure.hpp"
#include "tpgan/device/align.hpp"

namespace tpgan {
namespace {

constexpr const char* kPicture = "frontal";
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

// (-1, 3, side, side) or (-1, 3, height, width).
bool is_picture(const nvinfer1::Dims& shape, std::int32_t height, std::int32_t width) {
  return shape.nbDims == 4 && shape.d[1] == 3 && shape.d[2] == height && shape.d[3] == width;
}

std::size_t row_bytes(const nvinfer1::Dims& shape) {
  std::size_t bytes = sizeof(float);
  for (std::int32_t i = 1; i < shape.nbDims; ++i) {
    bytes *= static_cast<std::size_t>(shape.d[i]);
  }
  return bytes;
}

}  // namespace

struct Engine::Parts {
  // Freed from the last to the first.
  Logger logger;
  std::unique_ptr<nvinfer1::IRuntime> runtime;
  std::unique_ptr<nvinfer1::ICudaEngine> engine;

  nvinfer1::Dims float_tensor(const char* name, nvinfer1::TensorIOMode mode) const {
    if (engine->getTensorIOMode(name) != mode) {
      fail(std::string("the engine has no tensor ") + name + " where one is expected");
    }
    if (engine->getTensorDataType(name) != nvinfer1::DataType::kFLOAT) {
      fail(std::string("the engine's tensor ") + name + " is not float32; build it again");
    }
    return engine->getTensorShape(name);
  }

  // The patches behind the face, where there are any.
  void add_inputs(EngineLayout& layout) const {
    const nvinfer1::Dims face = float_tensor(kInputs[0], nvinfer1::TensorIOMode::kINPUT);
    layout.margin =
        face.nbDims == 4 ? (static_cast<std::int32_t>(face.d[2]) - geometry::kCropSize) / 2 : -1;
    const std::int32_t side = geometry::kCropSize + 2 * layout.margin;
    if (layout.margin < 0 || layout.margin > TPGAN_MAX_MARGIN || !is_picture(face, side, side)) {
      fail("the engine's tensor face has not this SDK's shape");
    }
    layout.tensors.push_back({kInputs[0], row_bytes(face)});
    for (int i = 1; !layout.face_only && i < kTensors; ++i) {
      const nvinfer1::Dims patch = float_tensor(kInputs[i], nvinfer1::TensorIOMode::kINPUT);
      if (!is_picture(patch, tensor_height(i), tensor_width(i))) {
        fail(std::string("the engine's tensor ") + kInputs[i] + " has not this SDK's shape");
      }
      layout.tensors.push_back({kInputs[i], row_bytes(patch)});
    }
  }

  // The picture first: the one of the crop's shape, by name where several have it.
  void add_outputs(EngineLayout& layout, const std::vector<std::string>& names) const {
    const auto like = [this](const std::string& name) {
      const auto shape = float_tensor(name.c_str(), nvinfer1::TensorIOMode::kOUTPUT);
      return is_picture(shape, geometry::kCropSize, geometry::kCropSize);
    };
    auto picture = std::find(names.begin(), names.end(), kPicture);
    if (picture == names.end()) {
      picture = std::find_if(names.begin(), names.end(), like);
    }
    if (picture == names.end() || !like(*picture)) {
      fail("the engine's output has not this SDK's shape");
    }
    layout.picture = layout.tensors.size();
    for (const std::string& name : names) {
      const auto shape = float_tensor(name.c_str(), nvinfer1::TensorIOMode::kOUTPUT);
      const auto place =
          name == *picture ? layout.tensors.begin() + static_cast<std::ptrdiff_t>(layout.picture)
                           : layout.tensors.end();
      layout.tensors.insert(place, {name, row_bytes(shape)});
    }
  }

  EngineLayout layout() const {
    int inputs = 0;
    std::vector<std::string> outputs;
    for (int i = 0; i < engine->getNbIOTensors(); ++i) {
      const char* const name = engine->getIOTensorName(i);
      if (engine->getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT) {
        ++inputs;
      } else {
        outputs.emplace_back(name);
      }
    }
    if (inputs != 1 && inputs != kTensors) {
      fail("the engine takes neither a face nor a face and four patches");
    }
    EngineLayout layout;
    layout.face_only = inputs == 1;
    add_inputs(layout);
    add_outputs(layout, outputs);
    return layout;
  }

  std::int32_t batch(nvinfer1::OptProfileSelector which) const {
    return static_cast<std::int32_t>(engine->getProfileShape(kInputs[0], 0, which).d[0]);
  }
};

struct Context::Parts {
  std::vector<nvinfer1::Dims> inputs;
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
  layout_ = p.layout();
  min_batch_ = p.batch(nvinfer1::OptProfileSelector::kMIN);
  max_batch_ = std::min(p.batch(nvinfer1::OptProfileSelector::kMAX), TPGAN_MAX_FACES);
}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;

Context Engine::context(const std::vector<void*>& tensors) const {
  auto made = std::make_unique<Context::Parts>();
  made->context.reset(parts_->engine->createExecutionContext());
  if (made->context == nullptr) {
    fail("TensorRT makes no execution context: the GPU's memory is short");
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::string& name = layout_.tensors[i].name;
    if (!made->context->setTensorAddress(name.c_str(), tensors[i])) {
      fail("TensorRT refuses the buffer of " + name);
    }
  }
  for (std::size_t i = 0; i < layout_.picture; ++i) {
    made->inputs.push_back(parts_->engine->getTensorShape(kInputs[i]));
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
  for (std::size_t i = 0; !same && i < parts_->inputs.size(); ++i) {
    parts_->inputs[i].d[0] = rows;
    if (!context.setInputShape(kInputs[i], parts_->inputs[i])) {
      fail("TensorRT refuses a batch of " + std::to_string(rows));
    }
  }
  rows_ = rows;
  if (!context.enqueueV3(static_cast<cudaStream_t>(stream))) {
    fail("TensorRT could not start the batch; see its message on stderr");
  }
}

}  // namespace tpgan
