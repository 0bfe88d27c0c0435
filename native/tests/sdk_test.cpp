// The SDK from end to end against fakes of TensorRT and of the CUDA driver, in which the kernels
// run on the CPU: what it computes, what it refuses, and that it allocates nothing once it is open.
#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <limits>

#include "align_case.hpp"
#include "allocations.hpp"
#include "expect.hpp"
#include "fake/nvinfer.hpp"
#include "output_case.hpp"
#include "sdk_files.hpp"
#include "tpgan/frontalizer.hpp"
#include "tpgan/reference.h"

namespace {

constexpr std::int32_t kSide = 128, kBatch = 4;

// What the fake network makes of the five inputs of one face.
std::vector<float> network(const AlignCase& job) {
  float patches = 0;
  for (std::size_t t = 1; t < 5; ++t) {
    double sum = 0;
    for (const float value : job.single[t]) {
      sum += static_cast<double>(value);
    }
    patches += static_cast<float>(sum / static_cast<double>(job.single[t].size()));
  }
  std::vector<float> result = job.single[0];
  for (float& value : result) {
    value = value * 0.5F + patches;
  }
  return result;
}

Picture finished(const std::vector<float>& values, std::int32_t mirrored) {
  Picture result(kSide, kSide, TPGAN_BGRA8, 8);
  const tpgan_image image = result.image();
  tpgan_reference_finish(values.data(), TPGAN_FP32, &image, &mirrored, 1);
  return result;
}

void test_results(const Files& files) {
  tpgan::Frontalizer frontalizer(files.options());
  expect(frontalizer.max_batch() == kBatch, "largest batch");
  const auto tests = cases("align");
  for (std::size_t first = 0; first < 24; first += 3) {
    std::vector<AlignCase> jobs;
    std::vector<tpgan_frame> frames;
    std::vector<tpgan_face> faces;
    std::vector<Picture> pictures, aligned;
    // Batches of one, which the engine's smallest fills up, to three.
    for (std::size_t i = first; i < first + 1 + first % 2 * 2; ++i) {
      jobs.emplace_back(tests[i]);
      jobs.back().run();
      frames.push_back(jobs.back().frame());
      faces.push_back(jobs.back().face);
      faces.back().frame = static_cast<std::int32_t>(i - first);
      pictures.emplace_back(kSide, kSide, TPGAN_BGRA8, 8);
      aligned.emplace_back(kSide, kSide, TPGAN_BGRA8, 8);
    }
    std::vector<tpgan_image> out, crops;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      out.push_back(pictures[i].image());
      crops.push_back(aligned[i].image());
    }
    const long before = allocations();
    frontalizer.run(frames, faces, out, crops, nullptr);
    const long after = allocations();
    expect(after == before, "a run allocates nothing");
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const std::string name = tests[first + i]["name"].text();
      const std::int32_t mirrored = jobs[i].face.mirrored;
      expect(pictures[i].bytes == finished(network(jobs[i]), mirrored).bytes, name + ": face");
      expect(aligned[i].bytes == finished(jobs[i].single[0], mirrored).bytes, name + ": crop");
    }
  }
}

// A model that takes the face alone, with a margin, and gives a flow besides.
void test_face_with_margin(const Files& files) {
  constexpr std::int32_t kMargin = 16, kWide = kSide + 2 * kMargin;
  files.write_engine("{\"psnr\": 60}", kTensorRt, "87", "ENGINE 2 4 16");
  tpgan::Frontalizer frontalizer(files.options());
  const auto tests = cases("align");
  for (std::size_t i = 0; i < 6; ++i) {
    const AlignCase job(tests[i]);
    const tpgan_frame frame = job.frame();
    std::vector<float> face(3 * kWide * kWide);
    const tpgan_inputs inputs = {{face.data()}, TPGAN_FP32, 1, kMargin, 1};
    tpgan_reference_align(&frame, 1, &job.face, 1, &inputs);
    double sum = 0;
    for (const float value : face) {
      sum += static_cast<double>(value);
    }
    const auto added = static_cast<float>(sum / static_cast<double>(face.size()));
    std::vector<float> crop, wanted;
    for (std::int32_t row = 0; row < 3 * kSide; ++row) {
      const auto* const first =
          &face[static_cast<std::size_t>((row / kSide * kWide + row % kSide + kMargin) * kWide +
                                         kMargin)];
      crop.insert(crop.end(), first, first + kSide);
    }
    for (const float value : crop) {
      wanted.push_back(value * 0.5F + added);
    }
    Picture picture(kSide, kSide, TPGAN_BGRA8, 8), aligned(kSide, kSide, TPGAN_BGRA8, 8);
    frontalizer.run({frame}, {job.face}, {picture.image()}, {aligned.image()}, nullptr);
    const std::string name = tests[i]["name"].text() + " with a margin";
    expect(picture.bytes == finished(wanted, job.face.mirrored).bytes, name + ": face");
    expect(aligned.bytes == finished(crop, job.face.mirrored).bytes, name + ": crop");
  }
}

// A batch of `count` faces of one case, run as `frontalizer` is; its pictures.
std::vector<Picture> run_batch(tpgan::Frontalizer& frontalizer, const AlignCase& job,
                               std::size_t count) {
  std::vector<Picture> pictures;
  std::vector<tpgan_image> out;
  pictures.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(pictures.emplace_back(kSide, kSide, TPGAN_BGRA8, 8).image());
  }
  const std::vector<tpgan_frame> frames = {job.frame()};
  const std::vector<tpgan_face> faces(count, job.face);
  const long before = allocations();
  frontalizer.run(frames, faces, out, {}, nullptr);
  const long after = allocations();
  expect(after == before, "a run allocates nothing, with a graph or without");
  return pictures;
}

void expect_equal(const std::vector<Picture>& found, const std::vector<Picture>& wanted,
                  const char* what) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    expect(found[i].bytes == wanted[i].bytes, what);
  }
}

void test_graphs(const Files& files) {
  tpgan::Frontalizer plain(files.options()), graphs(files.options());
  graphs.capture(3);
  graphs.capture(1);  // of the engine's smallest batch, 2
  const long once = fake_enqueued();
  graphs.capture(2);
  expect(fake_enqueued() == once, "a size is recorded once");
  const auto tests = cases("align");
  for (const std::size_t count : {3U, 1U, 2U, 4U, 3U}) {
    for (std::size_t t = 0; t < 4; ++t) {
      const AlignCase job(tests[t]);
      const std::vector<Picture> wanted = run_batch(plain, job, count);
      const long enqueued = fake_enqueued(), ran = fake_ran();
      const std::vector<Picture> found = run_batch(graphs, job, count);
      expect(fake_ran() == ran + 1, "the network runs once");
      expect(fake_enqueued() == enqueued + (count == 4 ? 1 : 0), "recorded sizes are not enqueued");
      expect_equal(found, wanted, "a graph's pictures");
    }
  }
}

void test_graphs_that_fail(const Files& files) {
  const AlignCase job(cases("align")[0]);
  for (const char* const call : {"cuStreamBeginCapture_v2", "cuGraphInstantiateWithFlags"}) {
    tpgan::Frontalizer frontalizer(files.options());
    const std::vector<Picture> wanted = run_batch(frontalizer, job, 3);
    setenv("FAKE_FAIL", call, 1);
    try {
      frontalizer.capture(3);
      expect(false, "a graph that the driver refuses");
    } catch (const tpgan::Error& error) {
      expect_status(error.status(), TPGAN_CUDA_ERROR, call);
      expect(std::string(error.what()) == std::string(call) + " failed with CUDA error 801",
             error.what());
    }
    expect_equal(run_batch(frontalizer, job, 3), wanted, "it works on without the graph");
    unsetenv("FAKE_FAIL");
    frontalizer.capture(3);
    expect_equal(run_batch(frontalizer, job, 3), wanted, "a graph later");
  }
}

// Pixels that are still on their way on another stream.
struct Late {
  std::uint8_t* to;
  const std::uint8_t* from;
  std::size_t size;
};

void arrive(const void* data) {
  const Late& late = *static_cast<const Late*>(data);
  std::memcpy(late.to, late.from, late.size);
}

void test_wait(const Files& files) {
  using PutOff = void (*)(void*, void (*)(const void*), const void*, std::size_t);
  const auto put_off =
      reinterpret_cast<PutOff>(dlsym(dlopen("libcuda.so.1", RTLD_NOW), "fake_put_off"));
  tpgan::Frontalizer frontalizer(files.options());
  AlignCase job(cases("align")[0]);
  const std::vector<Picture> wanted = run_batch(frontalizer, job, 2);
  const std::vector<std::uint8_t> pixels = job.picture.bytes;
  std::fill(job.picture.bytes.begin(), job.picture.bytes.end(), std::uint8_t{0});
  expect(run_batch(frontalizer, job, 2)[0].bytes != wanted[0].bytes, "without its pixels");
  const Late late = {job.picture.bytes.data(), pixels.data(), pixels.size()};
  put_off(nullptr, arrive, &late, sizeof late);
  const long before = allocations();
  frontalizer.wait(nullptr, nullptr);
  const long after = allocations();
  expect(after == before, "waiting allocates nothing");
  expect_equal(run_batch(frontalizer, job, 2), wanted, "the frame's stream is waited for");
  setenv("FAKE_FAIL", "cuEventRecord", 1);
  try {
    frontalizer.wait(nullptr, nullptr);
    expect(false, "a stream that is none");
  } catch (const tpgan::Error& error) {
    expect_status(error.status(), TPGAN_CUDA_ERROR, "wait");
  }
  unsetenv("FAKE_FAIL");
}

void test_paste(const Files& files) {
  tpgan::Frontalizer frontalizer(files.options());
  for (const json::Value& test : cases("paste")) {
    PasteCase wanted(test), found(test);
    tpgan_face face = {};
    std::copy(wanted.transform.begin(), wanted.transform.end(), face.transform);
    const tpgan_image frame = wanted.frame.image(), target = found.frame.image();
    const tpgan_frame front = wanted.front.frame(), aligned = wanted.aligned.frame();
    tpgan_reference_paste(&frame, &front, &aligned, face.transform);
    const long before = allocations();
    frontalizer.paste(target, face, front, aligned, nullptr);
    const long after = allocations();
    expect(after == before, "a paste allocates nothing");
    expect(found.frame.bytes == wanted.frame.bytes, "paste " + test["name"].text());
  }
}

void expect_refused(const tpgan_options& options, std::int32_t status, const char* part) {
  char message[512] = "";
  tpgan_frontalizer* opened = nullptr;
  expect_status(tpgan_open(&options, &opened, message, sizeof message), status, part);
  expect(opened == nullptr, std::string("nothing is opened: ") + part);
  expect(std::strstr(message, part) != nullptr, std::string(part) + " is said: " + message);
}

void test_what_open_refuses() {
  const Files files;
  const tpgan_options good = files.options();
  tpgan_options other = good;
  other.engine = "/absent.engine";
  expect_refused(other, TPGAN_BAD_ENGINE, "no engine at /absent.engine; build it: tpgan");
  other = good;
  const std::string model(64, 'c');
  other.onnx_sha256 = model.c_str();
  expect_refused(other, TPGAN_BAD_ENGINE, "was built from another model");
  other = good;
  other.device = 3;
  expect_refused(other, TPGAN_NO_GPU, "cuda:3 does not exist; GPUs here: 1");
  other = good;
  other.kernels = nullptr;
  expect_refused(other, TPGAN_NULL_POINTER, "a pointer is null");
  expect_status(tpgan_open(nullptr, nullptr, nullptr, 0), TPGAN_NULL_POINTER, "nothing at all");

  files.write_engine("{}", kTensorRt, "86");
  expect_refused(good, TPGAN_BAD_ENGINE, "was built for SM 86, the GPU here is SM 87");
  files.write_engine("{}", kTensorRt - 1);
  expect_refused(good, TPGAN_BAD_ENGINE, "an engine runs only on the version that built it");
  files.write_engine("{}", kTensorRt, "87", "ENGINE 2 4 65");
  expect_refused(files.options(), TPGAN_ENGINE_ERROR, "tensor face has not this SDK's shape");
  files.write_engine("{}", kTensorRt, "87", "NONSENSE");
  expect_refused(good, TPGAN_ENGINE_ERROR, "TensorRT does not read the engine");
  files.write_engine("{}", kTensorRt, "87", "ENGINE 2 4", "{\"features\": {\"strip\": true}}");
  expect_refused(good, TPGAN_BAD_ENGINE, "was built with the feature strip, which only the Python");
  files.write_engine("\"not run\"", kTensorRt);
  expect_refused(good, TPGAN_BAD_ENGINE, "was never compared with ONNX Runtime");
  other = good;
  other.allow_unverified = 1;
  const tpgan::Frontalizer taken(other);

  files.write_engine("{}", kTensorRt);
  files.write_kernels("13.0", "[75, 120]");
  expect_refused(good, TPGAN_BAD_KERNELS, "holds no code for SM 87");
  files.write_kernels("14.0", "[87]");
  expect_refused(good, TPGAN_BAD_KERNELS, "was built with CUDA 14.0, which this driver is too old");
  files.write_kernels("13", "[87]");
  expect_refused(good, TPGAN_BAD_KERNELS, "names no CUDA version");
  files.write_kernels("13.0", "[87]", "other code");
  expect_refused(good, TPGAN_BAD_KERNELS, "is not the file that its sidecar describes");
  files.write(files.folder.place("tpgan_kernels.json"), "{}");
  expect_refused(good, TPGAN_BAD_KERNELS, "is not the sidecar of kernels: 'format' is missing");
  files.write(files.kernels, "");
  expect_refused(good, TPGAN_BAD_KERNELS, "cannot be read, or is empty");
}

void test_what_run_refuses(const Files& files) {
  const tpgan_options options = files.options();
  tpgan_frontalizer* f = nullptr;
  expect_status(tpgan_open(&options, &f, nullptr, 0), TPGAN_OK, "open");
  AlignCase job(cases("align")[0]);
  Picture picture(kSide, kSide, TPGAN_BGR8, 0);
  const std::vector<std::uint8_t> untouched = picture.bytes;
  const tpgan_frame frame = job.frame();
  const tpgan_image out = picture.image();
  const auto run = [&](const tpgan_frame* frames, const tpgan_face& face, std::int32_t count,
                       const tpgan_image* pictures, std::int32_t wanted, const char* what) {
    const std::vector<tpgan_face> faces(8, face);
    expect_status(tpgan_run(f, frames, 1, faces.data(), count, pictures, nullptr, nullptr), wanted,
                  what);
    expect(picture.bytes == untouched, std::string(what) + " writes nothing");
    expect(std::string(tpgan_message(f)) == tpgan_status_text(wanted), "the message is its status");
  };
  tpgan_face nan = job.face;
  nan.transform[0] = std::numeric_limits<double>::quiet_NaN();
  run(nullptr, job.face, 1, &out, TPGAN_NULL_POINTER, "no frames");
  run(&frame, job.face, 1, nullptr, TPGAN_NULL_POINTER, "no pictures");
  run(&frame, job.face, 5, &out, TPGAN_BAD_COUNT, "more faces than the engine takes");
  run(&frame, job.face, -1, &out, TPGAN_BAD_COUNT, "a negative number");
  run(&frame, nan, 1, &out, TPGAN_BAD_TRANSFORM, "NaN");
  expect_status(tpgan_run(nullptr, &frame, 1, &job.face, 1, &out, nullptr, nullptr),
                TPGAN_NULL_POINTER, "no frontalizer");
  expect_status(tpgan_paste(f, nullptr, &job.face, &frame, &frame, nullptr), TPGAN_NULL_POINTER,
                "paste without a frame");
  expect_status(tpgan_paste(f, &out, nullptr, &frame, &frame, nullptr), TPGAN_NULL_POINTER,
                "paste without a face");
  for (const std::int32_t count : {0, -1, kBatch + 1}) {
    expect_status(tpgan_capture(f, count), TPGAN_BAD_COUNT, "a graph of no such batch");
  }
  expect_status(tpgan_capture(nullptr, 1), TPGAN_NULL_POINTER, "a graph of nothing");
  expect_status(tpgan_wait(nullptr, nullptr, nullptr), TPGAN_NULL_POINTER, "no frontalizer waits");
  tpgan_close(f);
  tpgan_close(nullptr);
  expect(tpgan_max_batch(nullptr) == 0, "no frontalizer, no batch");
}

}  // namespace

int main() {
  try {
    const Files files;
    test_results(files);
    test_graphs(files);
    test_graphs_that_fail(files);
    test_wait(files);
    test_paste(files);
    test_what_open_refuses();
    test_what_run_refuses(files);
    test_face_with_margin(files);
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 2;
  }
  std::printf("%d failed\n", failures);
  return failures == 0 ? 0 : 1;
}
