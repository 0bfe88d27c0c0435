// One case of align.json with its frame and room for the results. The GPU test uses it too.
#pragma once

#include <array>
#include <vector>

#include "json.hpp"
#include "pictures.hpp"
#include "tpgan/device/align.hpp"

struct AlignCase {
  Picture picture;
  std::int32_t yuv;
  std::int32_t capacity;
  tpgan_face face;
  mutable std::array<std::vector<float>, 5> single;
  mutable std::array<std::vector<tpgan::Half>, 5> half;

  explicit AlignCase(const json::Value& test, std::int32_t capacity = 1);

  tpgan_frame frame() const { return picture.frame(yuv); }
  tpgan_inputs inputs32() const;
  tpgan_inputs inputs16() const;
  // The reference in both precisions; the first status that is not TPGAN_OK.
  int run() const;
  // Where a value of the first face lies in its tensor.
  std::size_t offset(int tensor, int channel, int row, int column) const;
};
