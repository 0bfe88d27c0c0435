// Hostile arguments, always the same: a status, never a crash, and nothing written with an error.
// Under the asan preset every read and write outside a buffer ends the test.
#include <algorithm>
#include <limits>
#include <random>

#include "expect.hpp"
#include "pictures.hpp"
#include "tpgan/device/align.hpp"
#include "tpgan/reference.h"

namespace {

constexpr int kRounds = 1500;
constexpr float kUntouched = 123.0F;

class Source {
 public:
  int below(int limit) { return static_cast<int>(engine_() % static_cast<unsigned>(limit)); }
  bool one_in(int n) { return below(n) == 0; }

  // Numbers that break integer arithmetic; none is a valid size, format, count or precision.
  std::int32_t bad_integer() {
    constexpr std::int32_t values[] = {-1, -7, 99, 40000, 1 << 20,
                                       std::numeric_limits<std::int32_t>::max(),
                                       std::numeric_limits<std::int32_t>::min()};
    return values[below(7)];
  }

  double odd_number() {
    using Limits = std::numeric_limits<double>;
    const double values[] = {0.0, -0.0, Limits::quiet_NaN(), Limits::infinity(),
                             -Limits::infinity(), Limits::max(), Limits::lowest(), Limits::min(),
                             Limits::denorm_min(), 1e9, -1e9, 2147483648.0};
    return one_in(2) ? values[below(12)] : std::ldexp(below(2001) - 1000, below(80) - 50);
  }

 private:
  std::mt19937 engine_{20170613};  // its numbers are fixed by the standard
};

Picture random_picture(Source& source) {
  Picture result(1 + source.below(40), 1 + source.below(40), source.below(4), source.below(9));
  result.fill(static_cast<std::uint32_t>(source.below(1000)));
  return result;
}

template <std::size_t N>
void spoil_numbers(Source& source, double (&values)[N]) {
  do {
    values[source.below(N)] = source.odd_number();
  } while (source.one_in(2));
}

void spoil_frame(Source& source, tpgan_frame& frame) {
  switch (source.below(7)) {
    case 0:
      frame.width = source.one_in(2) ? 0 : source.bad_integer();
      break;
    case 1:
      // A height that no check can tell from the true one is the caller's promise.
      frame.height = source.one_in(2) ? 0 : std::max(40000, source.bad_integer());
      break;
    case 2:
      frame.pitch = source.below(frame.pitch) - (source.one_in(2) ? 0 : 1 << 30);
      break;
    case 3:
      frame.format = source.bad_integer();
      break;
    case 4:
      frame.data = nullptr;
      break;
    case 5:
      frame.chroma = nullptr;
      break;
    default:
      frame.yuv = source.bad_integer();
  }
}

constexpr std::int32_t kMargin = 5;

void spoil_inputs(Source& source, tpgan_inputs& inputs) {
  void*& tensor = inputs.tensors[source.below(5)];
  switch (source.below(6)) {
    case 0:
      tensor = nullptr;
      break;
    case 1:
      tensor = static_cast<char*>(tensor) + 1;
      break;
    case 2:
      inputs.margin = source.one_in(2) ? kMargin : source.bad_integer();
      break;
    case 3:
      inputs.face_only = 1;
      break;
    case 4:
      inputs.precision = source.bad_integer();
      break;
    default:
      inputs.capacity = -source.below(3);
  }
}

const tpgan_face kFace = {
    {0.9, -0.2, 60, 0.2, 0.9, 50}, {-20, -5, 25, -10, 3, 15, -10, 45, 22, 40}, 0, 0};

void fuzz_align(Source& source) {
  const Picture picture = random_picture(source);
  tpgan_frame frame = picture.frame(source.below(4));
  tpgan_face face = kFace;
  face.mirrored = source.one_in(2) ? source.bad_integer() : 0;
  std::vector<float> tensors[5];
  tpgan_inputs inputs = {{}, source.below(2), 1, 0, 0};
  for (int t = 0; t < 5; ++t) {
    const std::int32_t side = tpgan::geometry::kCropSize + 2 * kMargin;
    const std::int32_t pixels = t == 0 ? side * side : tpgan::tensor_pixels(t);
    tensors[t].assign(static_cast<std::size_t>(3 * pixels), kUntouched);
    inputs.tensors[t] = tensors[t].data();
  }
  std::int32_t frames = 1, faces = 1;
  for (int changes = source.below(3); changes > 0; --changes) {
    switch (source.below(6)) {
      case 0:
        spoil_frame(source, frame);
        break;
      case 1:
        spoil_inputs(source, inputs);
        break;
      case 2:
        spoil_numbers(source, face.landmarks);
        break;
      case 3:
        (source.one_in(2) ? face.frame : faces) = source.bad_integer();
        break;
      default:
        spoil_numbers(source, face.transform);
    }
  }
  const int status = tpgan_reference_align(source.one_in(50) ? nullptr : &frame, frames,
                                           source.one_in(50) ? nullptr : &face, faces,
                                           source.one_in(50) ? nullptr : &inputs);
  expect(status >= TPGAN_OK && status <= TPGAN_NOT_A_FACE, "align gives a status");
  for (std::size_t t = 0; t < 5; ++t) {
    const auto& values = tensors[t];
    const bool touched = std::count(values.begin(), values.end(), kUntouched) !=
                         static_cast<std::ptrdiff_t>(values.size());
    const bool wanted = t == 0 || inputs.face_only == 0;
    expect(touched == (status == TPGAN_OK && wanted), "align writes exactly when all is well");
    if (touched && inputs.precision == TPGAN_FP32) {
      const std::ptrdiff_t side = tpgan::geometry::kCropSize + 2 * inputs.margin;
      const auto end = t == 0 ? values.begin() + 3 * side * side : values.end();
      const auto range = std::minmax_element(values.begin(), end);
      expect(std::all_of(end, values.end(), [](float v) { return v == kUntouched; }),
             "align writes no further");
      expect(*range.first >= -1.000001F && *range.second <= 1.000001F, "align stays in [-1, 1]");
    }
  }
}

void fuzz_paste(Source& source) {
  Picture picture(1 + source.below(40), 1 + source.below(40), source.below(3), source.below(9));
  picture.fill(1);
  Picture crop(128, 128, source.below(3), source.below(9));
  const std::vector<std::uint8_t> before = picture.bytes;
  tpgan_image image = picture.image();
  tpgan_frame front = crop.frame(), aligned = crop.frame();
  double transform[6] = {3, 0.5, 10, -0.5, 3, 20};
  switch (source.below(5)) {
    case 0:
      spoil_frame(source, source.one_in(2) ? front : aligned);
      break;
    case 1:
      (source.one_in(2) ? image.width : image.format) = source.bad_integer();
      break;
    case 2:
      image.pitch = source.below(image.width * 3);
      break;
    default:
      spoil_numbers(source, transform);
  }
  const int status =
      tpgan_reference_paste(source.one_in(50) ? nullptr : &image, &front, &aligned, transform);
  expect(status >= TPGAN_OK && status <= TPGAN_NOT_A_FACE, "paste gives a status");
  expect(status == TPGAN_OK || before == picture.bytes, "paste writes nothing with an error");
}

void fuzz_finish(Source& source) {
  std::vector<float> output(3 * tpgan::geometry::kCropSize * tpgan::geometry::kCropSize);
  for (float& value : output) {
    value = static_cast<float>(source.odd_number());
  }
  Picture picture(128, 128, source.below(3), source.below(9));
  tpgan_image image = picture.image();
  std::int32_t precision = source.below(2), count = 1;
  if (source.one_in(2)) {
    std::int32_t* const fields[] = {&image.width, &image.height, &image.format, &precision, &count};
    *fields[source.below(5)] = source.bad_integer();
  }
  const int status = tpgan_reference_finish(output.data(), precision, &image, nullptr, count);
  expect(status >= TPGAN_OK && status <= TPGAN_NOT_A_FACE, "finish gives a status");
}

void fuzz_geometry(Source& source) {
  double points[10];
  std::copy(kFace.landmarks, kFace.landmarks + 10, points);
  spoil_numbers(source, points);
  tpgan_face face = {};
  const int status = tpgan_align_landmarks(points, 640, "seed", &face, nullptr);
  expect(status >= TPGAN_OK && status <= TPGAN_NOT_A_FACE, "align landmarks gives a status");
  const bool finite = std::all_of(face.transform, face.transform + 6,
                                  [](double value) { return std::isfinite(value); });
  expect(finite, "a transform is finite");
}

}  // namespace

void test_fuzz() {
  Source source;
  for (int round = 0; round < kRounds; ++round) {
    fuzz_align(source);
    fuzz_paste(source);
    fuzz_geometry(source);
    if (round % 20 == 0) {
      fuzz_finish(source);
    }
  }
}
