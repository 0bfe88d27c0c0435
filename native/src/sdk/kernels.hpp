// The fatbin: checked against its sidecar and this GPU, loaded, and its kernels launched.
#pragma once

#include <string>

#include "driver.hpp"
#include "plan.hpp"

namespace tpgan {

// Made, used and freed while an Active lives. Launches do not wait.
class Kernels {
 public:
  // Throws Failure.
  Kernels(const std::string& fatbin, const Gpu& gpu);
  ~Kernels() { Gpu::unload(module_); }
  Kernels(const Kernels&) = delete;
  Kernels& operator=(const Kernels&) = delete;

  // Tensors are FP32.
  void align(AlignBatch& batch, tpgan_stream stream);
  void finish(FinishBatch& batch, tpgan_stream stream);
  // `shift`: 12 bytes of scratch memory.
  void paste(PastePlan& plan, DevicePointer shift, tpgan_stream stream);

 private:
  Module module_;
  Function align_, finish_, match_, paste_;
};

}  // namespace tpgan
