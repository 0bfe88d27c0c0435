// The kernels of the fatbin against the reference, on the first GPU. Exit code 77: there is none.
#include <algorithm>
#include <cstdint>

#include "align_case.hpp"
#include "expect.hpp"
#include "gpu.hpp"
#include "output_case.hpp"
#include "plan.hpp"
#include "tpgan/reference.h"

namespace {

constexpr Gpu::Size kBlock = {256, 1};

// Of [-1, 1]; in FP16 one step just below 1.
constexpr double kTolerance = 1e-5, kHalfTolerance = 1.0 / 2048;

unsigned blocks(std::int32_t threads, std::int32_t size = 256) {
  return static_cast<unsigned>((threads + size - 1) / size);
}

template <class T>
T* pointer(CUdeviceptr address) {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}

const std::uint8_t* bytes_on(Gpu& gpu, const std::vector<std::uint8_t>& bytes) {
  return bytes.empty() ? nullptr : pointer<std::uint8_t>(gpu.upload(bytes.data(), bytes.size()));
}

tpgan_frame frame_on(Gpu& gpu, const Picture& picture, std::int32_t yuv = 0) {
  tpgan_frame frame = picture.frame(yuv);
  frame.data = bytes_on(gpu, picture.bytes);
  frame.chroma = bytes_on(gpu, picture.chroma);
  return frame;
}

template <class Element>
std::array<CUdeviceptr, 5> room_on(Gpu& gpu, std::int32_t faces) {
  std::array<CUdeviceptr, 5> result = {};
  for (std::size_t t = 0; t < 5; ++t) {
    const std::int32_t values = 3 * faces * tpgan::tensor_pixels(static_cast<int>(t));
    result[t] = gpu.allocate(static_cast<std::size_t>(values) * sizeof(Element));
  }
  return result;
}

tpgan_inputs inputs_of(const std::array<CUdeviceptr, 5>& room, int precision, int capacity) {
  tpgan_inputs result = {{}, precision, capacity};
  std::transform(room.begin(), room.end(), result.tensors, pointer<void>);
  return result;
}

float value_of(float value) { return value; }
float value_of(tpgan::Half value) { return tpgan::host::from_half(value); }

template <class Element>
void compare_align(Gpu& gpu, const AlignCase& job, int precision, const char* kernel,
                   const std::array<std::vector<Element>, 5>& wanted, double tolerance,
                   const std::string& name) {
  const auto room = room_on<Element>(gpu, 1);
  const tpgan_inputs inputs = inputs_of(room, precision, 1);
  const tpgan_frame frame = frame_on(gpu, job.picture, job.yuv);
  tpgan::AlignBatch batch = {};
  expect_status(tpgan::plan_align(&frame, 1, &job.face, 1, &inputs, batch), TPGAN_OK, name);
  gpu.launch(kernel, {blocks(tpgan::kPixelsOfFace), 1}, kBlock, {&batch});
  double worst = 0;
  for (std::size_t t = 0; t < 5; ++t) {
    std::vector<Element> found(wanted[t].size());
    gpu.download(found.data(), room[t], found.size() * sizeof(Element));
    for (std::size_t i = 0; i < found.size(); ++i) {
      const double difference = std::fabs(static_cast<double>(value_of(found[i])) -
                                          static_cast<double>(value_of(wanted[t][i])));
      worst = difference <= worst ? worst : difference;  // keeps NaN
    }
  }
  expect_near(worst, 0, tolerance, name + ": kernel against reference");
}

void compare_bytes(Gpu& gpu, const std::uint8_t* found, const std::vector<std::uint8_t>& wanted,
                   const std::string& name) {
  std::vector<std::uint8_t> bytes(wanted.size());
  gpu.download(bytes.data(), reinterpret_cast<CUdeviceptr>(found), bytes.size());
  int worst = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    worst = std::max(worst, std::abs(bytes[i] - wanted[i]));
  }
  expect_near(worst, 0, 1, name + ": kernel against reference");
}

void test_align_kernels(Gpu& gpu) {
  for (const json::Value& test : cases("align")) {
    const std::string name = "align " + test["name"].text();
    AlignCase job(test);
    expect_status(job.run(), TPGAN_OK, name);
    compare_align(gpu, job, TPGAN_FP32, "tpgan_align_fp32", job.single, kTolerance, name);
    compare_align(gpu, job, TPGAN_FP16, "tpgan_align_fp16", job.half, kHalfTolerance, name);
  }
}

void test_finish_kernels(Gpu& gpu) {
  for (const json::Value& test : cases("finish")) {
    FinishCase job(test);
    const auto images = job.images();
    const auto count = static_cast<std::int32_t>(images.size());
    auto targets = images;
    for (std::size_t i = 0; i < images.size(); ++i) {
      targets[i].data = const_cast<std::uint8_t*>(bytes_on(gpu, job.pictures[i].bytes));
    }
    const bool half = job.precision == TPGAN_FP16;
    const CUdeviceptr output =
        gpu.upload(job.output(), job.single.size() * (half ? sizeof(tpgan::Half) : sizeof(float)));
    tpgan::FinishBatch batch = {};
    tpgan::plan_finish(pointer<void>(output), job.precision, targets.data(), job.mirrored.data(),
                       count, batch);
    gpu.launch(half ? "tpgan_finish_fp16" : "tpgan_finish_fp32",
               {blocks(tpgan::kCropPixels), static_cast<unsigned>(count)}, kBlock, {&batch});
    tpgan_reference_finish(job.output(), job.precision, images.data(), job.mirrored.data(), count);
    for (std::size_t i = 0; i < images.size(); ++i) {
      compare_bytes(gpu, targets[i].data, job.pictures[i].bytes, "finish " + test["name"].text());
    }
  }
}

void test_paste_kernels(Gpu& gpu) {
  const CUdeviceptr shift = gpu.allocate(sizeof(tpgan::RgbFloat));
  for (const json::Value& test : cases("paste")) {
    PasteCase job(test);
    tpgan_image target = job.frame.image();
    target.data = const_cast<std::uint8_t*>(bytes_on(gpu, job.frame.bytes));
    const tpgan_frame front = frame_on(gpu, job.front), aligned = frame_on(gpu, job.aligned);
    tpgan::PastePlan plan = {};
    tpgan::plan_paste(&target, &front, &aligned, job.transform.data(), plan);
    CUdeviceptr argument = shift;
    gpu.launch("tpgan_match", {1, 1}, kBlock, {&plan, &argument});
    if (plan.right > plan.left && plan.bottom > plan.top) {
      gpu.launch("tpgan_paste",
                 {blocks(plan.right - plan.left, 32), blocks(plan.bottom - plan.top, 8)}, {32, 8},
                 {&plan, &argument});
    }
    const tpgan_image image = job.frame.image();
    const tpgan_frame here = job.front.frame(), crop = job.aligned.frame();
    tpgan_reference_paste(&image, &here, &crop, job.transform.data());
    compare_bytes(gpu, target.data, job.frame.bytes, "paste " + test["name"].text());
  }
}

void time_align(Gpu& gpu) {
  Picture picture(1920, 1080, TPGAN_BGR8, 0);
  picture.fill(1);
  const tpgan_frame frame = frame_on(gpu, picture);
  tpgan_face faces[8];
  for (int i = 0; i < 8; ++i) {
    // Faces 200 px high, side by side; the landmarks are the template's, rounded.
    const double left = 30 + 230 * i, scale = 0.7;
    const double points[] = {43, 40, 85, 40, 63, 64, 47, 88, 82, 88};
    faces[i] = {{scale, 0, -scale * left, 0, scale, -scale * 400}, {}, 0, 0};
    for (int p = 0; p < 5; ++p) {
      faces[i].landmarks[2 * p] = points[2 * p] / scale + left;
      faces[i].landmarks[2 * p + 1] = points[2 * p + 1] / scale + 400;
    }
  }
  const tpgan_inputs inputs = inputs_of(room_on<float>(gpu, 8), TPGAN_FP32, 8);
  tpgan::AlignBatch batch = {};
  expect_status(tpgan::plan_align(&frame, 1, faces, 8, &inputs, batch), TPGAN_OK, "timing");
  const float time = gpu.median_microseconds("tpgan_align_fp32", {blocks(tpgan::kPixelsOfFace), 8},
                                             kBlock, {&batch}, 1000);
  std::printf("align, 8 faces of 1080p, FP32: median of 1000 launches %.1f us\n",
              static_cast<double>(time));
}

}  // namespace

int main() {
  if (const std::string reason = Gpu::missing(); !reason.empty()) {
    std::printf("skipped: %s\n", reason.c_str());
    return 77;
  }
  try {
    Gpu gpu(TPGAN_FATBIN);
    test_align_kernels(gpu);
    test_finish_kernels(gpu);
    test_paste_kernels(gpu);
    gpu.wait();
    time_align(gpu);
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 2;
  }
  std::printf("%d failed\n", failures);
  return failures == 0 ? 0 : 1;
}
