// Example of the C++ SDK: a photo and five landmarks in, the frontal face out.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <exception>
#include <string>

#include "arguments.hpp"
#include "ppm.hpp"
#include "tpgan/frontalizer.hpp"
#include "tpgan/reference.h"

namespace {

constexpr std::int32_t kSide = 128;

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) {
    throw std::runtime_error(std::string(what) + " failed: " + cudaGetErrorString(status));
  }
}

// An RGB picture on the GPU.
class GpuPicture {
 public:
  GpuPicture(std::int32_t width, std::int32_t height) : width_(width), height_(height) {
    void* pointer = nullptr;
    check(cudaMalloc(&pointer, bytes()), "cudaMalloc");
    data_ = static_cast<std::uint8_t*>(pointer);
  }
  explicit GpuPicture(const Ppm& picture) : GpuPicture(picture.width, picture.height) {
    check(cudaMemcpy(data_, picture.rgb.data(), bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  ~GpuPicture() { cudaFree(data_); }
  GpuPicture(const GpuPicture&) = delete;
  GpuPicture& operator=(const GpuPicture&) = delete;

  tpgan_frame frame() const {
    return {data_, nullptr, width_, height_, 3 * width_, 0, TPGAN_RGB8, 0};
  }
  tpgan_image image() const { return {data_, width_, height_, 3 * width_, TPGAN_RGB8}; }

  Ppm download() const {
    Ppm result{width_, height_, std::vector<std::uint8_t>(bytes())};
    check(cudaMemcpy(result.rgb.data(), data_, bytes(), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return result;
  }

 private:
  std::size_t bytes() const {
    return std::size_t{3} * static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_);
  }

  std::uint8_t* data_ = nullptr;
  std::int32_t width_, height_;
};

tpgan_face align(const Arguments& arguments, std::int32_t width) {
  tpgan_face face = {};
  const std::int32_t status = tpgan_align_landmarks(
      arguments.landmarks.data(), width, arguments.template_name.c_str(), &face, nullptr);
  if (status != TPGAN_OK) {
    throw tpgan::Error(status, tpgan_status_text(status));
  }
  return face;
}

void run(const Arguments& arguments) {
  const Ppm photo = read_ppm(arguments.image);
  const tpgan_face face = align(arguments, photo.width);
  tpgan_options options = {};
  options.engine = arguments.engine.c_str();
  options.kernels = arguments.kernels.c_str();
  options.device = arguments.device;
  options.allow_unverified = arguments.allow_unverified ? 1 : 0;
  tpgan::Frontalizer frontalizer(options);
  const GpuPicture frame(photo), front(kSide, kSide), aligned(kSide, kSide);
  frontalizer.run({frame.frame()}, {face}, {front.image()}, {aligned.image()}, nullptr);
  if (!arguments.pasted.empty()) {
    frontalizer.paste(frame.image(), face, front.frame(), aligned.frame(), nullptr);
  }
  check(cudaDeviceSynchronize(), "the GPU's work");
  write_ppm(arguments.output, front.download());
  if (!arguments.pasted.empty()) {
    write_ppm(arguments.pasted, frame.download());
  }
}

}  // namespace

int main(int count, char** words) {
  if (count == 2 && std::string(words[1]) == "--help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  try {
    run(parse_arguments(count, words));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tpgan_cli: %s\n", error.what());
    return 1;
  }
  return 0;
}
