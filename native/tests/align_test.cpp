// Align and crop against the NumPy oracle's values, in FP32 and FP16.
#include <algorithm>
#include <cmath>

#include "align_case.hpp"
#include "expect.hpp"
#include "plan.hpp"
#include "tpgan/reference.h"

namespace {

// Of [-1, 1]: float32 rounding; 1e-4 is what the SDK promises. FP16 adds half a step below 1.
constexpr double kTolerance = 2e-6, kHalfTolerance = kTolerance + 1.0 / 4096;

void check_origins(const json::Value& test, const AlignCase& job, const std::string& name) {
  tpgan::AlignBatch batch = {};
  const tpgan_frame frame = job.frame();
  const tpgan_inputs inputs = job.inputs32();
  tpgan::plan_align(&frame, 1, &job.face, 1, &inputs, batch);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto wanted = test["origins"].items()[i].numbers();
    expect(batch.faces[0].left[i] == wanted[0] && batch.faces[0].top[i] == wanted[1],
           name + ": origin of patch " + std::to_string(i));
  }
}

void check_values(const json::Value& test, const AlignCase& job, const std::string& name) {
  for (const json::Value& sample : test["samples"].items()) {
    const auto s = sample.numbers();
    const auto tensor = static_cast<int>(s[0]);
    const auto place = job.offset(tensor, static_cast<int>(s[1]), static_cast<int>(s[2]),
                                  static_cast<int>(s[3]));
    expect_near(job.single[static_cast<std::size_t>(tensor)][place], s[4],
                kTolerance, name + " in FP32");
    expect_near(tpgan::host::from_half(job.half[static_cast<std::size_t>(tensor)][place]), s[4],
                kHalfTolerance, name + " in FP16");
  }
  const auto means = test["means"].numbers();
  for (std::size_t i = 0; i < means.size(); ++i) {
    const auto& values = job.single[i / 3];
    const std::size_t plane = values.size() / 3;
    double sum = 0;
    for (std::size_t p = 0; p < plane; ++p) {
      sum += static_cast<double>(values[(i % 3) * plane + p]);
    }
    expect_near(sum / static_cast<double>(plane), means[i], 1e-5, name + ": mean");
  }
}

// Several faces of several frames in one call land where they would alone.
void check_batch(const json::Value::Array& tests) {
  AlignCase first(tests[0]), second(tests[1]);
  first.run();
  second.run();
  AlignCase both(tests[0], 2);
  const tpgan_frame frames[] = {second.frame(), first.frame()};
  tpgan_face faces[] = {first.face, second.face};
  faces[0].frame = 1;
  faces[1].frame = 0;
  const tpgan_inputs inputs = both.inputs32();
  expect_status(tpgan_reference_align(frames, 2, faces, 2, &inputs), TPGAN_OK, "batch of two");
  for (std::size_t t = 0; t < 5; ++t) {
    const auto size = static_cast<std::ptrdiff_t>(first.single[t].size());
    const auto middle = both.single[t].begin() + size;
    expect(std::equal(both.single[t].begin(), middle, first.single[t].begin()), "first of two");
    expect(std::equal(middle, both.single[t].end(), second.single[t].begin()), "second of two");
  }
}

// With a margin the crop lies in the middle of the face, to the bit, and what is around it is what
// the crop of a face moved by so much shows. The face alone is the same face.
void check_margin(const json::Value& test, const std::string& name) {
  constexpr std::int32_t kMargin = 16, kCrop = 128, kSide = kCrop + 2 * kMargin;
  const AlignCase job(test);
  const tpgan_frame frame = job.frame();
  job.run();
  std::vector<float> wide(3 * kSide * kSide), alone = wide;
  tpgan_inputs inputs = job.inputs32();
  inputs.margin = kMargin;
  inputs.tensors[0] = wide.data();
  expect_status(tpgan_reference_align(&frame, 1, &job.face, 1, &inputs), TPGAN_OK, name);
  const tpgan_inputs face = {{alone.data()}, TPGAN_FP32, 1, kMargin, 1};
  expect_status(tpgan_reference_align(&frame, 1, &job.face, 1, &face), TPGAN_OK, name);
  expect(wide == alone, name + ": the face alone");
  bool same = true;
  for (std::int32_t i = 0; i < 3 * kCrop * kCrop; ++i) {
    const std::int32_t x = i % kCrop, y = i / kCrop % kCrop, channel = i / (kCrop * kCrop);
    const std::int32_t place = (channel * kSide + y + kMargin) * kSide + x + kMargin;
    same = same && wide[static_cast<std::size_t>(place)] == job.single[0][static_cast<std::size_t>(i)];
  }
  expect(same, name + ": the crop in the middle of its margin");
  // Landmarks decide nothing but the patches: the crop of the same transform, moved.
  tpgan_face moved = job.face;
  moved.transform[2] += kMargin;
  moved.transform[5] += kMargin;
  std::vector<float> corner(3 * kCrop * kCrop);
  const tpgan_inputs shifted = {{corner.data()}, TPGAN_FP32, 1, 0, 1};
  if (tpgan_reference_align(&frame, 1, &moved, 1, &shifted) == TPGAN_OK) {
    double apart = 0;
    for (std::int32_t y = 0; y < kCrop; ++y) {
      for (std::int32_t x = 0; x < kCrop; ++x) {
        const float a = wide[static_cast<std::size_t>(y * kSide + x)];
        apart = std::max(apart, std::abs(static_cast<double>(
                                    a - corner[static_cast<std::size_t>(y * kCrop + x)])));
      }
    }
    expect(apart < 1e-4, name + ": what lies around the crop");
  }
}

}  // namespace

void test_align() {
  const auto tests = cases("align");
  for (const json::Value& test : tests) {
    const std::string name = "align " + test["name"].text();
    AlignCase job(test);
    expect_status(job.run(), TPGAN_OK, name);
    check_origins(test, job, name);
    check_values(test, job, name);
    check_margin(test, name);
  }
  check_batch(tests);
}
