// Finish and paste-back against the NumPy oracle's values, within one grey level.
#include "expect.hpp"
#include "output_case.hpp"
#include "tpgan/reference.h"

namespace {

double mean_of(Picture& picture) {
  double sum = 0;
  for (std::int32_t y = 0; y < picture.height; ++y) {
    for (std::int32_t x = 0; x < picture.width; ++x) {
      for (std::int32_t c = 0; c < 3; ++c) {
        sum += picture.channel(x, y, c);
      }
    }
  }
  return sum / 3 / picture.width / picture.height;
}

}  // namespace

void test_finish() {
  for (const json::Value& test : cases("finish")) {
    const std::string name = "finish " + test["name"].text();
    FinishCase job(test);
    const auto images = job.images();
    expect_status(tpgan_reference_finish(job.output(), job.precision, images.data(),
                                         job.mirrored.data(), static_cast<int>(images.size())),
                  TPGAN_OK, name);
    for (const json::Value& sample : test["samples"].items()) {
      const auto s = sample.numbers();
      Picture& picture = job.pictures[static_cast<std::size_t>(s[0])];
      const int y = static_cast<int>(s[1]), x = static_cast<int>(s[2]);
      expect_near(picture.channel(x, y, static_cast<int>(s[3])), s[4], 1, name);
      expect(picture.format != TPGAN_BGRA8 || picture.pixel(x, y)[3] == 255, name + ": alpha");
    }
    double mean = 0;
    for (Picture& picture : job.pictures) {
      mean += mean_of(picture) / static_cast<double>(job.pictures.size());
    }
    expect_near(mean, test["mean"].number(), 1e-3, name + ": mean");
  }
}

void test_paste() {
  for (const json::Value& test : cases("paste")) {
    const std::string name = "paste " + test["name"].text();
    PasteCase job(test);
    const tpgan_image frame = job.frame.image();
    const tpgan_frame front = job.front.frame(), aligned = job.aligned.frame();
    expect_status(tpgan_reference_paste(&frame, &front, &aligned, job.transform.data()), TPGAN_OK,
                  name);
    for (const json::Value& sample : test["samples"].items()) {
      const auto s = sample.numbers();
      const int y = static_cast<int>(s[0]), x = static_cast<int>(s[1]);
      expect_near(job.frame.channel(x, y, static_cast<int>(s[2])), s[3], 1, name);
      // Alpha, which the picture was made with, is left alone.
      expect(frame.format != TPGAN_BGRA8 || job.frame.pixel(x, y)[3] == 0xA5, name + ": alpha");
    }
    expect_near(mean_of(job.frame), test["mean"].number(), 0.01, name + ": mean");
  }
}
