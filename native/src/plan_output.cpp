#include <algorithm>
#include <cmath>

#include "check.hpp"
#include "plan.hpp"
#include "transform.hpp"

namespace tpgan {
namespace {

bool is_crop(std::int32_t width, std::int32_t height) {
  return width == geometry::kCropSize && height == geometry::kCropSize;
}

std::int32_t view_crop(const tpgan_frame& crop, FrameView& view) {
  if (crop.format == TPGAN_NV12 || !is_crop(crop.width, crop.height)) {
    return TPGAN_BAD_FRAME;
  }
  return view_frame(crop, view);
}

// A whole place cut to the picture; NaN, which only absurd scales give, becomes 0.
std::int32_t cut(double place, std::int32_t size) {
  if (!(place > 0.0)) {
    return 0;
  }
  return place < size ? static_cast<std::int32_t>(place) : size;
}

// The frame's pixels that the crop covers: the bounds of its four corners.
void bound(const Affine& crop_to_frame, PastePlan& plan) {
  constexpr double last = geometry::kCropSize - 1;
  const double corners[4][2] = {{0, 0}, {last, 0}, {0, last}, {last, last}};
  double x[4], y[4];
  for (int i = 0; i < 4; ++i) {
    x[i] = crop_to_frame.x(corners[i][0], corners[i][1]);
    y[i] = crop_to_frame.y(corners[i][0], corners[i][1]);
  }
  const auto [x0, x1] = std::minmax_element(x, x + 4);
  const auto [y0, y1] = std::minmax_element(y, y + 4);
  plan.left = cut(std::floor(*x0), plan.frame.width);
  plan.top = cut(std::floor(*y0), plan.frame.height);
  plan.right = cut(std::ceil(*x1) + 1, plan.frame.width);
  plan.bottom = cut(std::ceil(*y1) + 1, plan.frame.height);
}

}  // namespace

std::int32_t plan_finish(const void* output, std::int32_t precision, const tpgan_image* pictures,
                         const std::int32_t* mirrored, std::int32_t count, FinishBatch& batch,
                         std::int32_t margin) {
  if (const auto status = check_tensor(output, precision); status != TPGAN_OK) {
    return status;
  }
  if (pictures == nullptr) {
    return TPGAN_NULL_POINTER;
  }
  if (!valid_count(count)) {
    return TPGAN_BAD_COUNT;
  }
  for (std::int32_t i = 0; i < count; ++i) {
    const auto status = view_image(pictures[i], batch.faces[i].picture);
    if (status != TPGAN_OK) {
      return status;
    }
    if (!is_crop(pictures[i].width, pictures[i].height)) {
      return TPGAN_BAD_FRAME;
    }
    batch.faces[i].mirrored = mirrored != nullptr && mirrored[i] != 0 ? 1 : 0;
  }
  batch.output = output;
  batch.count = count;
  batch.size = geometry::kCropSize + 2 * margin;
  return TPGAN_OK;
}

std::int32_t plan_paste(const tpgan_image* frame, const tpgan_frame* front,
                        const tpgan_frame* aligned, const double* transform, PastePlan& plan) {
  if (frame == nullptr || front == nullptr || aligned == nullptr || transform == nullptr) {
    return TPGAN_NULL_POINTER;
  }
  for (const auto status : {view_image(*frame, plan.frame), view_crop(*front, plan.front),
                            view_crop(*aligned, plan.aligned)}) {
    if (status != TPGAN_OK) {
      return status;
    }
  }
  const auto to_crop = read_affine(transform);
  const auto to_frame = to_crop ? inverted(*to_crop) : std::nullopt;
  const auto factor = to_frame ? shrink_factor(*to_frame) : std::nullopt;
  if (!to_frame || !factor) {
    return TPGAN_BAD_TRANSFORM;
  }
  const auto crop = fixed(*to_crop), reduced = fixed(to_reduced(*to_crop, *factor));
  if (!crop || !reduced) {
    return TPGAN_BAD_TRANSFORM;
  }
  plan.to_crop = *crop;
  plan.to_reduced = *reduced;
  plan.factor = *factor;
  bound(*to_frame, plan);
  return TPGAN_OK;
}

}  // namespace tpgan
