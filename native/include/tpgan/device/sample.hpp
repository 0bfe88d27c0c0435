// How pixels are read through a transform, as tpgan_sdk/images/resample.py defines it: box mean by a
// whole-number factor, then bilinear, pixel centres at whole numbers, edges replicated.
#pragma once

#include <cmath>
#include <cstdint>

#include "tpgan/device/frame.hpp"

namespace tpgan {

struct RgbFloat {
  float r, g, b;
};

// Where the samples of a window lie in a frame reduced by `factor`.
struct Sampling {
  FixedAffine to_reduced;
  std::int32_t width, height;  // of the frame, px
  std::int32_t factor;
};

// Mean of one block. The last block of a row or column may reach beyond the frame; there the edge
// pixel counts once for each place that it fills. Sums are exact: 256^2 x 255 < 2^24.
template <class Reader>
TPGAN_HD TPGAN_NOINLINE RgbFloat block_mean(const Reader& read, const Sampling& s,
                                            std::int32_t block_x, std::int32_t block_y) {
  const std::int32_t left = block_x * s.factor, right = left + s.factor;
  const std::int32_t top = block_y * s.factor, bottom = top + s.factor;
  const std::int32_t last_x = (right < s.width ? right : s.width) - 1;
  const std::int32_t last_y = (bottom < s.height ? bottom : s.height) - 1;
  Rgb sum = {0, 0, 0};
  for (std::int32_t y = top; y <= last_y; ++y) {
    const std::int32_t rows = y == last_y ? bottom - y : 1;
    for (std::int32_t x = left; x <= last_x; ++x) {
      const std::int32_t count = rows * (x == last_x ? right - x : 1);
      const Rgb p = read(x, y);
      sum.r += count * p.r;
      sum.g += count * p.g;
      sum.b += count * p.b;
    }
  }
  const float area = static_cast<float>(s.factor * s.factor);
  return {static_cast<float>(sum.r) / area, static_cast<float>(sum.g) / area,
          static_cast<float>(sum.b) / area};
}

// A pixel of the reduced frame.
template <class Reader>
TPGAN_HD RgbFloat reduced_pixel(const Reader& read, const Sampling& s, std::int32_t x,
                                std::int32_t y) {
  if (s.factor > 1) {
    return block_mean(read, s, x, y);
  }
  const Rgb p = read(x, y);
  return {static_cast<float>(p.r), static_cast<float>(p.g), static_cast<float>(p.b)};
}

TPGAN_HD inline float mixed(float a, float b, float weight_of_b) {
  return a * (1.0F - weight_of_b) + b * weight_of_b;
}

TPGAN_HD inline RgbFloat mixed(RgbFloat a, RgbFloat b, float weight_of_b) {
  return {mixed(a.r, b.r, weight_of_b), mixed(a.g, b.g, weight_of_b),
          mixed(a.b, b.b, weight_of_b)};
}

// One pixel of the window, in [0, 255], not rounded.
template <class Reader>
TPGAN_HD RgbFloat sample(const Reader& read, const Sampling& s, std::int32_t column,
                         std::int32_t row) {
  const std::int32_t last_x = (s.width - 1) / s.factor;
  const std::int32_t last_y = (s.height - 1) / s.factor;
  const Fixed x = clamped(s.to_reduced.x(column, row), Fixed{0}, whole(last_x));
  const Fixed y = clamped(s.to_reduced.y(column, row), Fixed{0}, whole(last_y));
  const std::int32_t x0 = floor_of(x), x1 = x0 < last_x ? x0 + 1 : last_x;
  const std::int32_t y0 = floor_of(y), y1 = y0 < last_y ? y0 + 1 : last_y;
  const float across = fraction_of(x), down = fraction_of(y);
  const RgbFloat upper =
      mixed(reduced_pixel(read, s, x0, y0), reduced_pixel(read, s, x1, y0), across);
  const RgbFloat lower =
      mixed(reduced_pixel(read, s, x0, y1), reduced_pixel(read, s, x1, y1), across);
  return mixed(upper, lower, down);
}

// The nearest grey level, halves to even; NaN becomes 0.
TPGAN_HD inline std::int32_t rounded_level(float value) {
  if (!(value > 0.0F)) {
    return 0;
  }
  return value < 255.0F ? static_cast<std::int32_t>(rintf(value)) : 255;
}

}  // namespace tpgan
