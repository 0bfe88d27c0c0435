#include <cmath>

#include "check.hpp"
#include "plan.hpp"
#include "transform.hpp"

namespace tpgan {
namespace {

bool patch_start(double center, std::int32_t size, std::int16_t& start) {
  const double place = std::floor(center - size / 2.0 + 0.5);
  const double last = geometry::kCropSize + geometry::kMaxOverhang - size;
  if (!(place >= -geometry::kMaxOverhang && place <= last)) {
    return false;
  }
  start = static_cast<std::int16_t>(place);
  return true;
}

std::int32_t plan_face(const tpgan_frame& frame, const tpgan_face& face, AlignPlan& plan) {
  if (const std::int32_t status = view_frame(frame, plan.frame); status != TPGAN_OK) {
    return status;
  }
  plan.frame.mirrored = face.mirrored != 0 ? 1 : 0;
  const auto transform = read_affine(face.transform);
  const auto inverse = transform ? inverted(*transform) : std::nullopt;
  const auto factor = transform ? shrink_factor(*transform) : std::nullopt;
  if (!inverse || !factor) {
    return TPGAN_BAD_TRANSFORM;
  }
  const auto reduced = fixed(to_reduced(*inverse, *factor));
  if (!reduced) {
    return TPGAN_BAD_TRANSFORM;
  }
  plan.to_reduced = *reduced;
  plan.factor = *factor;
  double points[2 * geometry::kLandmarks];
  for (std::int32_t i = 0; i < geometry::kLandmarks; ++i) {
    const double x = face.landmarks[2 * i], y = face.landmarks[2 * i + 1];
    points[2 * i] = transform->x(x, y);
    points[2 * i + 1] = transform->y(x, y);
  }
  return patch_origins(points, plan.left, plan.top) ? TPGAN_OK : TPGAN_BAD_LANDMARKS;
}

}  // namespace

bool patch_origins(const double* landmarks, std::int16_t* left, std::int16_t* top) {
  for (std::int32_t i = 0; i < geometry::kPatches; ++i) {
    const geometry::Patch& patch = geometry::kPatch[i];
    const double* a = landmarks + 2 * patch.anchors[0];
    const double* b = landmarks + 2 * patch.anchors[1];
    if (!patch_start((a[0] + b[0]) / 2, patch.width, left[i]) ||
        !patch_start((a[1] + b[1]) / 2, patch.height, top[i])) {
      return false;
    }
  }
  return true;
}

std::int32_t plan_align(const tpgan_frame* frames, std::int32_t frame_count,
                        const tpgan_face* faces, std::int32_t face_count,
                        const tpgan_inputs* inputs, AlignBatch& batch) {
  if (frames == nullptr || faces == nullptr || inputs == nullptr) {
    return TPGAN_NULL_POINTER;
  }
  if (!valid_count(face_count) || frame_count < 1 || face_count > inputs->capacity) {
    return TPGAN_BAD_COUNT;
  }
  if (inputs->margin < 0 || inputs->margin > TPGAN_MAX_MARGIN) {
    return TPGAN_BAD_COUNT;
  }
  batch.face_edge = inputs->margin;
  batch.face_size = geometry::kCropSize + 2 * inputs->margin;
  for (std::int32_t i = 0; i < kTensors; ++i) {
    const bool wanted = i == 0 || inputs->face_only == 0;
    batch.tensors[i] = wanted ? inputs->tensors[i] : nullptr;
    if (!wanted) {
      continue;
    }
    if (const auto status = check_tensor(batch.tensors[i], inputs->precision); status != TPGAN_OK) {
      return status;
    }
  }
  for (std::int32_t i = 0; i < face_count; ++i) {
    if (faces[i].frame < 0 || faces[i].frame >= frame_count) {
      return TPGAN_BAD_COUNT;
    }
    const auto status = plan_face(frames[faces[i].frame], faces[i], batch.faces[i]);
    if (status != TPGAN_OK) {
      return status;
    }
  }
  batch.count = face_count;
  return TPGAN_OK;
}

}  // namespace tpgan
