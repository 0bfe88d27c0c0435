// The kernels of the fatbin against the reference, on the first GPU. Exit code 77: there is none.
#include <algorithm>
#include <cstdint>
#include <string>

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
  tpgan_inputs result = {{}, precision, capacity, 0, 0};
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
  gpu.launch(kernel, {blocks(tpgan::pixels_of_face(batch)), 1}, kBlock, {&batch});
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

constexpr double kScale = 0.7;  // of the faces that are timed: 183 px of their frame wide

// Faces side by side; the landmarks are the template's, rounded.
tpgan_face timed_face(int index) {
  const double left = 30 + 230 * (index % 8), top = 60 + 200 * (index / 8);
  const double points[] = {43, 40, 85, 40, 63, 64, 47, 88, 82, 88};
  tpgan_face face = {{kScale, 0, -kScale * left, 0, kScale, -kScale * top}, {}, 0, 0};
  for (int p = 0; p < 5; ++p) {
    face.landmarks[2 * p] = points[2 * p] / kScale + left;
    face.landmarks[2 * p + 1] = points[2 * p + 1] / kScale + top;
  }
  return face;
}

// The plan of one launch, with room and a 1080p frame of its own.
tpgan::AlignBatch timed_batch(Gpu& gpu, const Picture& picture, int count) {
  std::vector<tpgan_face> faces;
  for (int i = 0; i < count; ++i) {
    faces.push_back(timed_face(i));
  }
  const tpgan_frame frame = frame_on(gpu, picture);
  const tpgan_inputs inputs = inputs_of(room_on<float>(gpu, count), TPGAN_FP32, count);
  tpgan::AlignBatch batch = {};
  expect_status(tpgan::plan_align(&frame, 1, faces.data(), count, &inputs, batch), TPGAN_OK,
                "timing");
  return batch;
}

void launch_align(Gpu& gpu, tpgan::AlignBatch& batch) {
  gpu.launch("tpgan_align_fp32",
             {blocks(tpgan::pixels_of_face(batch)), static_cast<unsigned>(batch.count)}, kBlock,
             {&batch});
}

void time_align(Gpu& gpu, const Picture& picture) {
  tpgan::AlignBatch batch = timed_batch(gpu, picture, 8);
  const float time = gpu.median_microseconds([&] { launch_align(gpu, batch); }, 1000);
  std::printf("measured align_8_faces_of_1080p_us %.2f\n", static_cast<double>(time));
}

// Many full launches over as many frames, more than caches hold, against a copy on the device that
// reads and writes as many bytes together. Read is counted as each frame pixel below a crop once.
void time_bandwidth(Gpu& gpu, const Picture& picture) {
  constexpr int kLaunches = 32;
  std::vector<tpgan::AlignBatch> batches;
  for (int i = 0; i < kLaunches; ++i) {
    batches.push_back(timed_batch(gpu, picture, TPGAN_MAX_FACES));
  }
  const auto work = [&] {
    for (tpgan::AlignBatch& batch : batches) {
      launch_align(gpu, batch);
    }
  };
  const double side = tpgan::geometry::kCropSize / kScale;
  const double pixels = tpgan::pixels_of_face(batches[0]);
  const double moved =
      kLaunches * TPGAN_MAX_FACES * (3.0 * sizeof(float) * pixels + 3.0 * side * side);
  const auto half = static_cast<std::size_t>(moved / 2);
  const CUdeviceptr from = gpu.allocate(half), to = gpu.allocate(half);
  const double aligning = static_cast<double>(gpu.median_microseconds(work, 1000));
  const double copying =
      static_cast<double>(gpu.median_microseconds([&] { gpu.copy(to, from, half); }, 1000));
  std::printf("measured align_gb_per_s %.1f\n", moved / aligning / 1e3);
  std::printf("measured copy_gb_per_s %.1f\n", moved / copying / 1e3);
  std::printf("measured align_share_of_copy %.3f\n", copying / aligning);
}

}  // namespace

// compare: the kernels against the reference; time: how long they take; without a word both.
int main(int count, char** words) {
  const std::string word = count > 1 ? words[1] : "";
  if (const std::string reason = Gpu::missing(); !reason.empty()) {
    std::printf("skipped: %s\n", reason.c_str());
    return 77;
  }
  try {
    Gpu gpu(TPGAN_FATBIN);
    if (word != "time") {
      test_align_kernels(gpu);
      test_finish_kernels(gpu);
      test_paste_kernels(gpu);
      gpu.wait();
    }
    if (word != "compare") {
      Picture picture(1920, 1080, TPGAN_BGR8, 0);
      picture.fill(1);
      time_align(gpu, picture);
      time_bandwidth(gpu, picture);
    }
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 2;
  }
  std::printf("%d failed\n", failures);
  return failures == 0 ? 0 : 1;
}
