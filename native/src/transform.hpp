// Transforms in double precision on the host, and their fixed-point form for the pixels.
#pragma once

#include <optional>

#include "tpgan/device/fixed.hpp"

namespace tpgan {

// (x, y) -> (xx x + xy y + x0, yx x + yy y + y0).
struct Affine {
  double xx, xy, x0;
  double yx, yy, y0;

  double x(double px, double py) const { return xx * px + xy * py + x0; }
  double y(double px, double py) const { return yx * px + yy * py + y0; }
};

// Six numbers in row order; nothing when one is not finite or the transform is singular.
std::optional<Affine> read_affine(const double* values);

// Of a transform that `read_affine` gave; nothing when the inverse is not finite.
std::optional<Affine> inverted(const Affine& transform);

// Whole-number box factor for a transform from a picture to a window: 1 when it does not shrink
// by 2; nothing above TPGAN_MAX_FACTOR. As tpgan_sdk.resample.shrink_factor.
std::optional<std::int32_t> shrink_factor(const Affine& transform);

// From window pixels to pixels of the reduced picture.
Affine to_reduced(const Affine& window_to_picture, std::int32_t factor);

// Nothing where a place within TPGAN_MAX_SIDE px could overflow.
std::optional<FixedAffine> fixed(const Affine& transform);

}  // namespace tpgan
