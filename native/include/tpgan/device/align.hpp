// Aligned crop and patches: one pixel of one of the network's five inputs.
#pragma once

#include <cstdint>

#include "tpgan/device/half.hpp"
#include "tpgan/device/sample.hpp"
#include "tpgan/geometry_data.hpp"

namespace tpgan {

constexpr std::int32_t kTensors = 1 + geometry::kPatches;

TPGAN_HD constexpr std::int32_t tensor_width(std::int32_t tensor) {
  return tensor == 0 ? geometry::kCropSize : geometry::kPatch[tensor - 1].width;
}
TPGAN_HD constexpr std::int32_t tensor_height(std::int32_t tensor) {
  return tensor == 0 ? geometry::kCropSize : geometry::kPatch[tensor - 1].height;
}
TPGAN_HD constexpr std::int32_t tensor_pixels(std::int32_t tensor) {
  return tensor_width(tensor) * tensor_height(tensor);
}
// Number of the tensor's first pixel when those of all five are counted through.
TPGAN_HD constexpr std::int32_t first_pixel(std::int32_t tensor) {
  return tensor == 0 ? 0 : first_pixel(tensor - 1) + tensor_pixels(tensor - 1);
}
constexpr std::int32_t kPixelsOfFace = first_pixel(kTensors);

// One face, checked. Patch origins are whole pixels of the crop's grid.
struct AlignPlan {
  FixedAffine to_reduced;
  FrameView frame;
  std::int32_t factor;
  std::int16_t left[geometry::kPatches];
  std::int16_t top[geometry::kPatches];
};

struct AlignBatch {
  AlignPlan faces[TPGAN_MAX_FACES];
  void* tensors[kTensors];
  std::int32_t count;
};

// Where one pixel lies: in which tensor, there, and on the crop's grid.
struct Place {
  std::int32_t tensor, plane, pixel;
  std::int32_t column, row;
};

// Place of pixel `index`, 0 to kPixelsOfFace - 1, of all five tensors counted through.
template <std::int32_t tensor = 0>
TPGAN_HD Place place_of(const AlignPlan& plan, std::int32_t index) {
  if constexpr (tensor + 1 < kTensors) {
    constexpr std::int32_t next = first_pixel(tensor + 1);
    if (index >= next) {
      return place_of<tensor + 1>(plan, index);
    }
  }
  constexpr std::int32_t first = first_pixel(tensor);
  constexpr std::int32_t plane = tensor_pixels(tensor);
  constexpr std::int32_t width = tensor_width(tensor);
  const std::int32_t pixel = index - first;
  Place place = {tensor, plane, pixel, pixel % width, pixel / width};
  if constexpr (tensor > 0) {
    place.column += plan.left[tensor - 1];
    place.row += plan.top[tensor - 1];
  }
  return place;
}

// Writes the three channels of one pixel of one face.
template <class Element>
TPGAN_HD void align_pixel(const AlignBatch& batch, std::int32_t face, std::int32_t index) {
  const AlignPlan& plan = batch.faces[face];
  const Place place = place_of(plan, index);
  const Sampling sampling = {plan.to_reduced, plan.frame.width, plan.frame.height, plan.factor};
  const RgbFloat value = sample(FrameReader{plan.frame}, sampling, place.column, place.row);
  Element* out = static_cast<Element*>(batch.tensors[place.tensor]) +
                 std::int64_t{face} * 3 * place.plane + place.pixel;
  constexpr float scale = 1.0F / 127.5F;
  store(out, value.r * scale - 1.0F);
  store(out + place.plane, value.g * scale - 1.0F);
  store(out + 2 * place.plane, value.b * scale - 1.0F);
}

}  // namespace tpgan
