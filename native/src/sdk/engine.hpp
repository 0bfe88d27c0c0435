// A TensorRT engine and its contexts. The only part of the SDK that names TensorRT: 10.3 to 11.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "tpgan/c_api.h"

namespace tpgan {

constexpr int kEngineTensors = 6;  // the five inputs of tpgan_inputs, and the output

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

  // Checks that the tensors are the SDK's.
  explicit Engine(const std::vector<char>& data);
  ~Engine();
  Engine(Engine&&) noexcept;

  std::int32_t min_batch() const { return min_batch_; }
  std::int32_t max_batch() const { return max_batch_; }

  // One more context, with scratch memory of its own. Tensors: where they lie, the inputs in the
  // order of tpgan_inputs, the output last.
  Context context(const std::array<void*, kEngineTensors>& tensors) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  std::int32_t min_batch_ = 0, max_batch_ = 0;
};

}  // namespace tpgan
