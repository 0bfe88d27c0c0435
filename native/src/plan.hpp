// From what the caller hands in to what the per-pixel functions need. Host only; the reference and
// whoever launches the kernels use the same plans. Each returns a tpgan_status.
#pragma once

#include "tpgan/device/align.hpp"
#include "tpgan/device/finish.hpp"
#include "tpgan/device/paste.hpp"

namespace tpgan {

// Kernel arguments are limited to 4 KB.
static_assert(sizeof(AlignBatch) <= 4096, "lower TPGAN_MAX_FACES");
static_assert(sizeof(FinishBatch) <= 4096, "lower TPGAN_MAX_FACES");
// Loaders in other languages lay these out by hand: a change is a new `interface` in sidecar.cmake.
static_assert(sizeof(AlignPlan) == 120 && sizeof(AlignBatch) == 3896);
static_assert(sizeof(FinishPlan) == 32 && sizeof(FinishBatch) == 1040);
static_assert(sizeof(PastePlan) == 240 && sizeof(RgbFloat) == 12);

// (left, top) of the four patches around landmarks in crop px; false: not finite, or too far out.
// As tpgan_sdk.geometry.patch_origins.
bool patch_origins(const double* landmarks, std::int16_t* left, std::int16_t* top);

std::int32_t plan_align(const tpgan_frame* frames, std::int32_t frame_count,
                        const tpgan_face* faces, std::int32_t face_count,
                        const tpgan_inputs* inputs, AlignBatch& batch);

// margin: px around the crop in `output`, as in the face tensor; the network's output has none.
std::int32_t plan_finish(const void* output, std::int32_t precision, const tpgan_image* pictures,
                         const std::int32_t* mirrored, std::int32_t count, FinishBatch& batch,
                         std::int32_t margin = 0);

// Right not above left, or bottom not above top: the crop does not touch the frame.
std::int32_t plan_paste(const tpgan_image* frame, const tpgan_frame* front,
                        const tpgan_frame* aligned, const double* transform, PastePlan& plan);

}  // namespace tpgan
