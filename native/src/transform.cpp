#include "transform.hpp"

#include <cmath>

#include "tpgan/types.h"

namespace tpgan {
namespace {

bool all_finite(const Affine& a) {
  return std::isfinite(a.xx) && std::isfinite(a.xy) && std::isfinite(a.x0) &&
         std::isfinite(a.yx) && std::isfinite(a.yy) && std::isfinite(a.y0);
}

double determinant(const Affine& a) { return a.xx * a.yy - a.xy * a.yx; }

// |slope| x 2^15 twice and the shift stay below 2^31 px, all that 64 bits hold beside 32 of
// fraction. Slopes of a sampling are below 2 in one direction, whatever the scale.
constexpr double kMaxSlope = 8192.0;
constexpr double kMaxShift = 1073741824.0;

std::optional<Fixed> fixed_number(double value, double limit) {
  if (!(std::fabs(value) <= limit)) {
    return std::nullopt;
  }
  return static_cast<Fixed>(std::nearbyint(std::ldexp(value, kFractionBits)));
}

}  // namespace

std::optional<Affine> read_affine(const double* v) {
  const Affine result = {v[0], v[1], v[2], v[3], v[4], v[5]};
  const double area = determinant(result);
  if (!all_finite(result) || !std::isfinite(area) || area == 0.0) {
    return std::nullopt;
  }
  return result;
}

std::optional<Affine> inverted(const Affine& a) {
  const double area = determinant(a);
  Affine result = {a.yy / area, -a.xy / area, 0.0, -a.yx / area, a.xx / area, 0.0};
  result.x0 = -(result.xx * a.x0 + result.xy * a.y0);
  result.y0 = -(result.yx * a.x0 + result.yy * a.y0);
  if (!all_finite(result)) {
    return std::nullopt;
  }
  return result;
}

std::optional<std::int32_t> shrink_factor(const Affine& transform) {
  const double scale = std::sqrt(std::fabs(determinant(transform)));
  // The small term keeps an exact 1/3 from becoming factor 2 by rounding.
  const double factor = std::floor(1.0 / scale + 1e-9);
  if (!(factor <= TPGAN_MAX_FACTOR)) {
    return std::nullopt;
  }
  return factor < 1.0 ? 1 : static_cast<std::int32_t>(factor);
}

Affine to_reduced(const Affine& a, std::int32_t factor) {
  const double f = factor, centre = (f - 1.0) / 2.0;
  return {a.xx / f, a.xy / f, (a.x0 - centre) / f, a.yx / f, a.yy / f, (a.y0 - centre) / f};
}

std::optional<FixedAffine> fixed(const Affine& a) {
  const auto xx = fixed_number(a.xx, kMaxSlope), xy = fixed_number(a.xy, kMaxSlope);
  const auto yx = fixed_number(a.yx, kMaxSlope), yy = fixed_number(a.yy, kMaxSlope);
  const auto x0 = fixed_number(a.x0, kMaxShift), y0 = fixed_number(a.y0, kMaxShift);
  if (!xx || !xy || !x0 || !yx || !yy || !y0) {
    return std::nullopt;
  }
  return FixedAffine{*xx, *xy, *x0, *yx, *yy, *y0};
}

}  // namespace tpgan
