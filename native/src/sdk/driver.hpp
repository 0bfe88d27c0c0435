// The CUDA driver, opened at run time: building needs no CUDA, and a machine without a driver gets
// a sentence. One GPU's primary context, which TensorRT and the application use as well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "tpgan/c_api.h"

namespace tpgan {

class Event;

// Of the driver's interface, which is C: handles are pointers, results whole numbers.
using DevicePointer = std::uint64_t;
using Module = void*;
using Function = void*;

struct Grid {
  unsigned x, y;
};

// All members throw Failure.
class Gpu {
 public:
  explicit Gpu(std::int32_t device);
  ~Gpu();
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  std::int32_t sm() const { return sm_; }  // compute capability times ten
  // Newest CUDA that the driver runs, major times ten plus minor.
  std::int32_t cuda() const { return cuda_; }

  // Makes the context current in this thread for as long as it lives.
  class Active {
   public:
    explicit Active(const Gpu& gpu);
    ~Active();
    Active(const Active&) = delete;
    Active& operator=(const Active&) = delete;
  };

  // The rest needs an Active.
  static Module load(const void* fatbin);
  static void unload(Module module) noexcept;
  static Function function(Module module, const char* name);
  static void launch(Function function, Grid grid, Grid block, void** arguments,
                     tpgan_stream stream);
  static void wait();
  // Lets what comes next on `stream` wait, on the GPU, until `event` is over.
  static void wait_for(tpgan_stream stream, const Event& event);

 private:
  std::int32_t device_ = 0, sm_ = 0, cuda_ = 0;
  void* context_ = nullptr;
};

// A stream that no other waits for. Made and freed while an Active lives.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  tpgan_stream handle() const { return handle_; }
  void wait() const;

 private:
  tpgan_stream handle_ = nullptr;
};

// A place in a stream's work. Made and freed while an Active lives.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void* handle() const { return handle_; }
  // What is on the stream now. May be called again: the event then stands for the new place.
  void record(tpgan_stream stream);

 private:
  void* handle_ = nullptr;
};

// Recorded work that one call launches. Made and freed while an Active lives.
class Graph {
 public:
  // Records what `work` puts on the stream; nothing of it runs. Throws Failure, also that of `work`.
  Graph(const Stream& stream, const std::function<void()>& work);
  ~Graph();
  Graph(Graph&& other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
  Graph& operator=(Graph&&) = delete;

  void launch(tpgan_stream stream) const;

 private:
  void* handle_ = nullptr;
};

// Device memory, zeroed. Made and freed while an Active lives.
class Memory {
 public:
  explicit Memory(std::size_t bytes);
  ~Memory();
  Memory(Memory&& other) noexcept : pointer_(other.pointer_) { other.pointer_ = 0; }
  Memory& operator=(Memory&&) = delete;

  DevicePointer address() const { return pointer_; }
  void* pointer() const { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(pointer_)); }

 private:
  DevicePointer pointer_ = 0;
};

}  // namespace tpgan
