#include "pipeline.hpp"

#include <algorithm>

#include "failure.hpp"
#include "tpgan/engine_file.hpp"
#include "tpgan/reference.h"

using namespace tpgan;

namespace {

// Throws unless this machine may run the engine, which `data` receives.
void check_engine(const tpgan_options& options, const Gpu& gpu, std::vector<char>& data) {
  const EngineInfo info = check_engine_file(options.engine, &data);
  EngineTarget target;
  target.sm = gpu.sm();
  target.runtime = {"tensorrt", Engine::version(info.runtime_version)};
  if (options.onnx_sha256 != nullptr) {
    target.onnx_sha256 = options.onnx_sha256;
  }
  check_engine_fits(options.engine, info, target);
  for (const std::string& feature : info.features) {
    // Others need what the runtime is not told here: weights, leave to run code, a DLA core.
    if (feature != "refit" && feature != "hardware") {
      throw EngineFileError(std::string(options.engine) + " was built with the feature " + feature +
                            ", which only the Python SDK runs; build it without");
    }
  }
  if (!info.verified && options.allow_unverified == 0) {
    throw EngineFileError(std::string(options.engine) +
                          " was never compared with ONNX Runtime: load it once in Python, which "
                          "compares it and notes that, or set allow_unverified");
  }
}

std::int32_t plan_pictures(const void* tensor, const tpgan_image* images, const tpgan_face* faces,
                           std::int32_t count, std::int32_t margin, FinishBatch& batch) {
  std::int32_t mirrored[TPGAN_MAX_FACES];
  for (std::int32_t i = 0; i < count; ++i) {
    mirrored[i] = faces[i].mirrored;
  }
  return plan_finish(tensor, TPGAN_FP32, images, mirrored, count, batch, margin);
}

}  // namespace

tpgan_frontalizer::tpgan_frontalizer(const tpgan_options& options) : gpu_(options.device) {
  std::vector<char> engine;
  check_engine(options, gpu_, engine);
  const Gpu::Active active(gpu_);
  try {
    prepare(options, engine);
  } catch (...) {
    release();
    throw;
  }
}

tpgan_frontalizer::~tpgan_frontalizer() {
  try {
    const Gpu::Active active(gpu_);
    release();
  } catch (const Failure&) {  // the driver is gone, and what it held with it
  }
}

void tpgan_frontalizer::prepare(const tpgan_options& options, const std::vector<char>& engine) {
  kernels_.emplace(options.kernels, gpu_);
  engine_.emplace(engine);
  const std::int32_t rows = rows_of(engine_->max_batch());
  memory_.reserve(engine_->layout().tensors.size() + 1);
  for (const EngineTensor& tensor : engine_->layout().tensors) {
    tensors_.push_back(
        memory_.emplace_back(static_cast<std::size_t>(rows) * tensor.bytes).pointer());
  }
  memory_.emplace_back(sizeof(RgbFloat));
  event_.emplace();
  context_.emplace(engine_->context(tensors_));
  // The first batch loads TensorRT's kernels: not while somebody waits for a face.
  context_->enqueue(rows, nullptr);
  Gpu::wait();
}

void tpgan_frontalizer::release() {
  recorded_.clear();
  context_.reset();
  event_.reset();
  engine_.reset();
  kernels_.reset();
  memory_.clear();
}

// The engine's smallest batch fills smaller ones up.
std::int32_t tpgan_frontalizer::rows_of(std::int32_t count) const {
  return std::max(count, engine_->min_batch());
}

const tpgan_frontalizer::Recorded* tpgan_frontalizer::recorded(std::int32_t rows) const {
  const auto found = std::find_if(recorded_.begin(), recorded_.end(),
                                  [rows](const Recorded& item) { return item.rows == rows; });
  return found == recorded_.end() ? nullptr : &*found;
}

void tpgan_frontalizer::enqueue(std::int32_t rows, tpgan_stream stream) {
  if (const Recorded* const found = recorded(rows)) {
    found->graph.launch(stream);
  } else {
    context_->enqueue(rows, stream);
  }
}

std::int32_t tpgan_frontalizer::capture(std::int32_t count) {
  if (count < 1 || count > max_batch()) {
    return TPGAN_BAD_COUNT;
  }
  const std::int32_t rows = rows_of(count);
  if (recorded(rows) != nullptr) {
    return TPGAN_OK;
  }
  const Gpu::Active active(gpu_);
  const Stream stream;
  Context context = engine_->context(tensors_);
  // TensorRT finishes its set-up in the first run, which must not be recorded.
  context.enqueue(rows, stream.handle());
  stream.wait();
  Graph graph(stream, [&] { context.enqueue(rows, stream.handle()); });
  // The first launch moves the graph to the GPU.
  graph.launch(stream.handle());
  stream.wait();
  recorded_.push_back({rows, std::move(context), std::move(graph)});
  return TPGAN_OK;
}

std::int32_t tpgan_frontalizer::wait(tpgan_stream other, tpgan_stream stream) {
  const Gpu::Active active(gpu_);
  event_->record(other);
  Gpu::wait_for(stream, *event_);
  return TPGAN_OK;
}

tpgan_inputs tpgan_frontalizer::inputs() const {
  const EngineLayout& layout = engine_->layout();
  tpgan_inputs result = {{}, TPGAN_FP32, engine_->max_batch(), layout.margin, layout.face_only};
  for (std::size_t i = 0; i < layout.picture; ++i) {
    result.tensors[i] = tensors_[i];
  }
  return result;
}

std::int32_t tpgan_frontalizer::run(const tpgan_frame* frames, std::int32_t frame_count,
                                    const tpgan_face* faces, std::int32_t count,
                                    const tpgan_image* pictures, const tpgan_image* aligned,
                                    tpgan_stream stream) {
  const tpgan_inputs tensors = inputs();
  std::int32_t status = plan_align(frames, frame_count, faces, count, &tensors, crops_);
  if (status == TPGAN_OK) {
    void* const picture = tensors_[engine_->layout().picture];
    status = plan_pictures(picture, pictures, faces, count, 0, pictures_);
  }
  if (status == TPGAN_OK && aligned != nullptr) {
    status = plan_pictures(tensors_[0], aligned, faces, count, tensors.margin, aligned_);
  }
  if (status != TPGAN_OK) {
    return status;
  }
  const Gpu::Active active(gpu_);
  kernels_->align(crops_, stream);
  enqueue(rows_of(count), stream);
  kernels_->finish(pictures_, stream);
  if (aligned != nullptr) {
    kernels_->finish(aligned_, stream);
  }
  return TPGAN_OK;
}

std::int32_t tpgan_frontalizer::paste(const tpgan_image* frame, const tpgan_face* face,
                                      const tpgan_frame* front, const tpgan_frame* aligned,
                                      tpgan_stream stream) {
  if (frame == nullptr) {
    return TPGAN_NULL_POINTER;
  }
  double transform[6];
  std::int32_t status = tpgan_paste_transform(face, frame->width, transform);
  if (status == TPGAN_OK) {
    status = plan_paste(frame, front, aligned, transform, pasted_);
  }
  if (status == TPGAN_OK) {
    const Gpu::Active active(gpu_);
    kernels_->paste(pasted_, memory_.back().address(), stream);
  }
  return status;
}
