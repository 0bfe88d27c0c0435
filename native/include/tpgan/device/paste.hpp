// The frontal face back in its photo: colour match, feathered weight, one pixel of the blend.
#pragma once

#include <cstdint>

#include "tpgan/device/sample.hpp"
#include "tpgan/geometry_data.hpp"

namespace tpgan {

// One face, checked. Left to bottom (exclusive): the frame's pixels that the crop can touch.
struct PastePlan {
  ImageView frame;
  FrameView front;
  FrameView aligned;
  FixedAffine to_crop;
  FixedAffine to_reduced;
  std::int32_t factor;
  std::int32_t left, top, right, bottom;
};

// 0 on the crop's border and beyond, 1 from the feather's width inwards, smoothstep between.
TPGAN_HD inline float fade(float place) {
  const float last = static_cast<float>(geometry::kCropSize - 1);
  const float inwards = place < last - place ? place : last - place;
  const float t = clamped(inwards / static_cast<float>(geometry::kFeather), 0.0F, 1.0F);
  return t * t * (3.0F - 2.0F * t);
}

// Whether a pixel of the crop belongs to the border along which colours are matched.
TPGAN_HD inline bool is_fading(std::int32_t x, std::int32_t y) {
  return fade(static_cast<float>(x)) * fade(static_cast<float>(y)) < 1.0F;
}

// Aligned crop minus frontal face; summed over the fading border in whole numbers, so exactly.
TPGAN_HD inline Rgb difference(const PastePlan& plan, std::int32_t x, std::int32_t y) {
  const Rgb a = read_pixel(plan.aligned, x, y), f = read_pixel(plan.front, x, y);
  return {a.r - f.r, a.g - f.g, a.b - f.b};
}

// The shift that brings the frontal face to the photo's mean colour.
TPGAN_HD inline RgbFloat mean_shift(Rgb sum, std::int32_t count) {
  const float n = static_cast<float>(count);
  return {static_cast<float>(sum.r) / n, static_cast<float>(sum.g) / n,
          static_cast<float>(sum.b) / n};
}

// Reads the frontal face in the photo's colours.
struct MatchedReader {
  const FrameView& front;
  RgbFloat shift;

  TPGAN_HD Rgb operator()(std::int32_t x, std::int32_t y) const {
    const Rgb p = read_pixel(front, x, y);
    return {rounded_level(static_cast<float>(p.r) + shift.r),
            rounded_level(static_cast<float>(p.g) + shift.g),
            rounded_level(static_cast<float>(p.b) + shift.b)};
  }
};

TPGAN_HD inline std::int32_t blended(std::int32_t behind, float front, float weight) {
  const float base = static_cast<float>(behind);
  return rounded_level(base + weight * (front - base));
}

// A place in the crop as float, cut off where the weight is 0 on either side.
TPGAN_HD inline float crop_place(Fixed value) {
  const Fixed cut = clamped(value, whole(-1), whole(geometry::kCropSize));
  return static_cast<float>(floor_of(cut)) + fraction_of(cut);
}

TPGAN_HD inline void paste_pixel(const PastePlan& plan, RgbFloat shift, std::int32_t x,
                                 std::int32_t y) {
  const float weight =
      fade(crop_place(plan.to_crop.x(x, y))) * fade(crop_place(plan.to_crop.y(x, y)));
  if (!(weight > 0.0F)) {
    return;
  }
  const Sampling sampling = {plan.to_reduced, geometry::kCropSize, geometry::kCropSize,
                             plan.factor};
  const RgbFloat front = sample(MatchedReader{plan.front, shift}, sampling, x, y);
  const Rgb behind = get_pixel(plan.frame, x, y);
  put_pixel(plan.frame, x, y,
            {blended(behind.r, front.r, weight), blended(behind.g, front.g, weight),
             blended(behind.b, front.b, weight)});
}

}  // namespace tpgan
