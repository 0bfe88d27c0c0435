// The network's output as a picture: one pixel.
#pragma once

#include <cstdint>

#include "tpgan/device/half.hpp"
#include "tpgan/device/sample.hpp"
#include "tpgan/geometry_data.hpp"

namespace tpgan {

struct FinishPlan {
  ImageView picture;
  std::int32_t mirrored;
};

struct FinishBatch {
  FinishPlan faces[TPGAN_MAX_FACES];
  const void* output;  // (N, 3, size, size), RGB in [-1, 1], the crop in its middle
  std::int32_t count;
  std::int32_t size;
};

constexpr std::int32_t kCropPixels = geometry::kCropSize * geometry::kCropSize;

template <class Element>
TPGAN_HD void finish_pixel(const FinishBatch& batch, std::int32_t face, std::int32_t index) {
  const FinishPlan& plan = batch.faces[face];
  const std::int32_t column = index % geometry::kCropSize, y = index / geometry::kCropSize;
  const std::int32_t edge = (batch.size - geometry::kCropSize) / 2;
  const std::int32_t plane = batch.size * batch.size;
  const Element* in = static_cast<const Element*>(batch.output) + std::int64_t{face} * 3 * plane +
                      (y + edge) * batch.size + column + edge;
  const Rgb value = {rounded_level((load(in) + 1.0F) * 127.5F),
                     rounded_level((load(in + plane) + 1.0F) * 127.5F),
                     rounded_level((load(in + 2 * plane) + 1.0F) * 127.5F)};
  const std::int32_t x = plan.mirrored != 0 ? geometry::kCropSize - 1 - column : column;
  put_pixel(plan.picture, x, y, value);
  if (plan.picture.format == TPGAN_BGRA8) {
    plan.picture.at(x, y)[3] = 255;
  }
}

}  // namespace tpgan
