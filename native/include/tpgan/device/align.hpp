// Aligned crop and patches: one pixel of one of the network's inputs.
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
// Number of the patch's first pixel when those of all four are counted through.
TPGAN_HD constexpr std::int32_t first_pixel(std::int32_t tensor) {
  return tensor <= 1 ? 0 : first_pixel(tensor - 1) + tensor_pixels(tensor - 1);
}
constexpr std::int32_t kPixelsOfPatches = first_pixel(kTensors);

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
  void* tensors[kTensors];  // patches: null where only the face is wanted
  std::int32_t count;
  std::int32_t face_size;  // width and height of the face tensor
  std::int32_t face_edge;  // px of it around the crop, on every side
};

// Of one face, all its tensors.
TPGAN_HD inline std::int32_t pixels_of_face(const AlignBatch& batch) {
  return batch.face_size * batch.face_size + (batch.tensors[1] == nullptr ? 0 : kPixelsOfPatches);
}

// Where one pixel lies: in which tensor, there, and on the crop's grid.
struct Place {
  std::int32_t tensor, plane, pixel;
  std::int32_t column, row;
};

// Place of pixel `index`, 0 to kPixelsOfPatches - 1, of all four patches counted through.
template <std::int32_t tensor = 1>
TPGAN_HD Place place_in_patch(const AlignPlan& plan, std::int32_t index) {
  if constexpr (tensor + 1 < kTensors) {
    constexpr std::int32_t next = first_pixel(tensor + 1);
    if (index >= next) {
      return place_in_patch<tensor + 1>(plan, index);
    }
  }
  constexpr std::int32_t first = first_pixel(tensor);
  constexpr std::int32_t plane = tensor_pixels(tensor);
  constexpr std::int32_t width = tensor_width(tensor);
  const std::int32_t pixel = index - first;
  return {tensor, plane, pixel, pixel % width + plan.left[tensor - 1],
          pixel / width + plan.top[tensor - 1]};
}

// Place of pixel `index`, 0 to pixels_of_face - 1, of all tensors counted through.
TPGAN_HD inline Place place_of(const AlignBatch& batch, const AlignPlan& plan,
                               std::int32_t index) {
  const std::int32_t plane = batch.face_size * batch.face_size;
  if (index >= plane) {
    return place_in_patch(plan, index - plane);
  }
  return {0, plane, index, index % batch.face_size - batch.face_edge,
          index / batch.face_size - batch.face_edge};
}

// Writes the three channels of one pixel of one face.
template <class Element>
TPGAN_HD void align_pixel(const AlignBatch& batch, std::int32_t face, std::int32_t index) {
  const AlignPlan& plan = batch.faces[face];
  const Place place = place_of(batch, plan, index);
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
