// The kernels' loops on the CPU.
#include "tpgan/reference.h"

#include "plan.hpp"

namespace {

using namespace tpgan;

template <class Element>
void align_all(const AlignBatch& batch) {
  for (std::int32_t face = 0; face < batch.count; ++face) {
    for (std::int32_t pixel = 0; pixel < pixels_of_face(batch); ++pixel) {
      align_pixel<Element>(batch, face, pixel);
    }
  }
}

template <class Element>
void finish_all(const FinishBatch& batch) {
  for (std::int32_t face = 0; face < batch.count; ++face) {
    for (std::int32_t pixel = 0; pixel < kCropPixels; ++pixel) {
      finish_pixel<Element>(batch, face, pixel);
    }
  }
}

RgbFloat colour_shift(const PastePlan& plan) {
  Rgb sum = {0, 0, 0};
  std::int32_t count = 0;
  for (std::int32_t pixel = 0; pixel < kCropPixels; ++pixel) {
    const std::int32_t x = pixel % geometry::kCropSize, y = pixel / geometry::kCropSize;
    if (is_fading(x, y)) {
      const Rgb d = difference(plan, x, y);
      sum = {sum.r + d.r, sum.g + d.g, sum.b + d.b};
      ++count;
    }
  }
  return mean_shift(sum, count);
}

}  // namespace

extern "C" int32_t tpgan_reference_align(const tpgan_frame* frames, int32_t frame_count,
                                         const tpgan_face* faces, int32_t face_count,
                                         const tpgan_inputs* inputs) {
  AlignBatch batch = {};
  const auto status = plan_align(frames, frame_count, faces, face_count, inputs, batch);
  if (status == TPGAN_OK) {
    inputs->precision == TPGAN_FP16 ? align_all<Half>(batch) : align_all<float>(batch);
  }
  return status;
}

extern "C" int32_t tpgan_reference_finish(const void* output, int32_t precision,
                                          const tpgan_image* pictures, const int32_t* mirrored,
                                          int32_t count) {
  FinishBatch batch = {};
  const auto status = plan_finish(output, precision, pictures, mirrored, count, batch);
  if (status == TPGAN_OK) {
    precision == TPGAN_FP16 ? finish_all<Half>(batch) : finish_all<float>(batch);
  }
  return status;
}

extern "C" int32_t tpgan_reference_paste(const tpgan_image* frame, const tpgan_frame* front,
                                         const tpgan_frame* aligned, const double* transform) {
  PastePlan plan = {};
  const auto status = plan_paste(frame, front, aligned, transform, plan);
  if (status != TPGAN_OK) {
    return status;
  }
  const RgbFloat shift = colour_shift(plan);
  for (std::int32_t y = plan.top; y < plan.bottom; ++y) {
    for (std::int32_t x = plan.left; x < plan.right; ++x) {
      paste_pixel(plan, shift, x, y);
    }
  }
  return TPGAN_OK;
}
