// Checks of what a caller hands in. Everything behind them may rely on it.
#pragma once

#include "tpgan/device/frame.hpp"
#include "tpgan/types.h"

namespace tpgan {

// Whether a number of faces fits in one launch.
bool valid_count(std::int32_t count);

// TPGAN_OK, TPGAN_BAD_PRECISION, TPGAN_NULL_POINTER or TPGAN_MISALIGNED.
std::int32_t check_tensor(const void* tensor, std::int32_t precision);

// Checks a frame and fills its view, not mirrored.
std::int32_t view_frame(const tpgan_frame& frame, FrameView& view);

// Checks a picture that is written and fills its view.
std::int32_t view_image(const tpgan_image& image, ImageView& view);

}  // namespace tpgan
