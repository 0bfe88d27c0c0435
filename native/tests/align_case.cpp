#include "align_case.hpp"

#include <algorithm>

#include "tpgan/reference.h"

AlignCase::AlignCase(const json::Value& test, std::int32_t room)
    : picture(test["width"].integer(), test["height"].integer(),
              format_named(test["format"].text()), test["padding"].integer()),
      yuv(yuv_named(test["yuv"].text())),
      capacity(room),
      face() {
  picture.fill(static_cast<std::uint32_t>(test["seed"].integer()));
  const auto transform = test["transform"].numbers(), landmarks = test["landmarks"].numbers();
  std::copy(transform.begin(), transform.end(), face.transform);
  std::copy(landmarks.begin(), landmarks.end(), face.landmarks);
  face.mirrored = test["mirrored"].truth() ? 1 : 0;
  for (std::size_t t = 0; t < 5; ++t) {
    const auto size = static_cast<std::size_t>(3 * capacity) *
                      static_cast<std::size_t>(tpgan::tensor_pixels(static_cast<int>(t)));
    single[t].resize(size);
    half[t].resize(size);
  }
}

tpgan_inputs AlignCase::inputs32() const {
  tpgan_inputs result = {{}, TPGAN_FP32, capacity, 0, 0};
  for (std::size_t t = 0; t < 5; ++t) {
    result.tensors[t] = single[t].data();
  }
  return result;
}

tpgan_inputs AlignCase::inputs16() const {
  tpgan_inputs result = {{}, TPGAN_FP16, capacity, 0, 0};
  for (std::size_t t = 0; t < 5; ++t) {
    result.tensors[t] = half[t].data();
  }
  return result;
}

int AlignCase::run() const {
  const tpgan_frame view = frame();
  const tpgan_inputs wide = inputs32(), narrow = inputs16();
  const int status = tpgan_reference_align(&view, 1, &face, 1, &wide);
  return status != TPGAN_OK ? status : tpgan_reference_align(&view, 1, &face, 1, &narrow);
}

std::size_t AlignCase::offset(int tensor, int channel, int row, int column) const {
  return static_cast<std::size_t>(channel * tpgan::tensor_pixels(tensor) +
                                  row * tpgan::tensor_width(tensor) + column);
}
