// A TensorRT engine and its contexts. The only part of the SDK that names TensorRT: 10.3 to 11.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tpgan/c_api.h"

namespace tpgan {

// One tensor of an engine, without the batch.
struct EngineTensor {
  std::string name;
  std::size_t bytes = 0;  // of one face, float32
};

// What an engine takes and gives: the face, with or without patches, and the picture. A model that
// fetches has layers besides, which are written and not read here.
struct EngineLayout {
  std::int32_t margin = 0;
  bool face_only = false;
  // Inputs in the order of tpgan_inputs, then the picture, then other outputs.
  std::vector<EngineTensor> tensors;
  std::size_t picture = 0;  // its place in `tensors`
};

// What runs batches of an engine, which outlives it; throws Failure.
class Context {
 public:
  struct Parts;
  explicit Context(std::unique_ptr<Parts> parts);
  ~Context();
  Context(Context&&) noexcept;

  // Puts a batch on the stream.
  void enqueue(std::int32_t rows, tpgan_stream stream);

 private:
  std::unique_ptr<Parts> parts_;
  std::int32_t rows_ = 0;
};

// Made, used and freed while an Active lives; throws Failure.
class Engine {
 public:

  // The version that runs here, with as many numbers as `like` has: TensorRT's own Python module
  // names three in some releases and four in others.
  static std::string version(const std::string& like);

  // Throws unless the tensors are those that this SDK can fill and read.
  explicit Engine(const std::vector<char>& data);
  ~Engine();
  Engine(Engine&&) noexcept;

  std::int32_t min_batch() const { return min_batch_; }
  std::int32_t max_batch() const { return max_batch_; }
  const EngineLayout& layout() const { return layout_; }

  // One more context, with scratch memory of its own. Tensors: where they lie, in the layout's
  // order.
  Context context(const std::vector<void*>& tensors) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  std::int32_t min_batch_ = 0, max_batch_ = 0;
  EngineLayout layout_;
};

}  // namespace tpgan
