// A GPU through the driver, which is opened at run time: building needs no CUDA library.
#pragma once

#include <cuda.h>

#include <functional>
#include <string>
#include <vector>

class Gpu {
 public:
  // Opens the first GPU and loads the fatbin. Throws std::runtime_error, as all members.
  explicit Gpu(const std::string& fatbin);

  // Why there is no GPU here, in one sentence; empty where there is one.
  static std::string missing();

  // Memory lives as long as the process.
  CUdeviceptr allocate(std::size_t bytes);
  CUdeviceptr upload(const void* data, std::size_t bytes);
  void download(void* to, CUdeviceptr from, std::size_t bytes);

  struct Size {
    unsigned x, y;
  };
  // Each argument is a pointer to the kernel's. Does not wait.
  void launch(const char* kernel, Size grid, Size block, std::vector<void*> arguments);
  void wait();
  // Does not wait.
  void copy(CUdeviceptr to, CUdeviceptr from, std::size_t bytes);
  // Microseconds of device time of what `work` launches: median of `count`.
  float median_microseconds(const std::function<void()>& work, int count);

 private:
  CUmodule module_ = nullptr;
};
