// Places in a picture as 64-bit fixed point: the same on every processor, to the last bit, and as
// exact at x = 8000 as at x = 0, which float32 is not.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define TPGAN_HD __host__ __device__
#define TPGAN_NOINLINE __noinline__
#else
#define TPGAN_HD
#define TPGAN_NOINLINE
#endif

namespace tpgan {

constexpr std::int32_t kFractionBits = 32;

template <class T>
TPGAN_HD constexpr T clamped(T value, T low, T high) {
  return value < low ? low : (high < value ? high : value);
}

// A place along one axis: px in the upper half, fraction of a px in the lower.
using Fixed = std::int64_t;

TPGAN_HD constexpr Fixed whole(std::int32_t pixels) {
  return Fixed{pixels} * (Fixed{1} << kFractionBits);
}

TPGAN_HD inline std::int32_t floor_of(Fixed value) {
  return static_cast<std::int32_t>(value >> kFractionBits);
}

// 0 to 1; 1 itself where the fraction is nearer to it than float32 can tell.
TPGAN_HD inline float fraction_of(Fixed value) {
  return static_cast<float>(static_cast<std::uint32_t>(value)) * 2.3283064365386963e-10F;
}

// A 2x3 transform. The host makes it and checks that no product or sum of it can overflow.
struct FixedAffine {
  Fixed xx, xy, x0;
  Fixed yx, yy, y0;

  TPGAN_HD Fixed x(std::int32_t column, std::int32_t row) const {
    return xx * column + xy * row + x0;
  }
  TPGAN_HD Fixed y(std::int32_t column, std::int32_t row) const {
    return yx * column + yy * row + y0;
  }
};

}  // namespace tpgan
