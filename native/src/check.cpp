#include "check.hpp"

#include <cstddef>

namespace tpgan {
namespace {

bool valid_side(std::int32_t side) { return side >= 1 && side <= TPGAN_MAX_SIDE; }

// 0 for a format that has no interleaved pixels.
std::int32_t pixel_bytes(std::int32_t format) {
  switch (format) {
    case TPGAN_BGR8:
    case TPGAN_RGB8:
      return 3;
    case TPGAN_BGRA8:
      return 4;
    default:
      return 0;
  }
}

// Of interleaved pixels; the width is valid.
bool valid_rows(std::int32_t width, std::int32_t pitch, std::int32_t format) {
  const std::int32_t bytes = pixel_bytes(format);
  return bytes > 0 && pitch >= width * bytes;
}

bool valid_nv12(const tpgan_frame& frame) {
  const std::int32_t pairs = (frame.width + 1) / 2;
  return frame.pitch >= frame.width && frame.chroma_pitch >= 2 * pairs &&
         frame.yuv >= TPGAN_BT601_LIMITED && frame.yuv <= TPGAN_BT709_FULL;
}

// 0 for an unknown precision.
std::int32_t element_bytes(std::int32_t precision) {
  return precision == TPGAN_FP32 ? 4 : precision == TPGAN_FP16 ? 2 : 0;
}

}  // namespace

bool valid_count(std::int32_t count) { return count >= 1 && count <= TPGAN_MAX_FACES; }

std::int32_t check_tensor(const void* tensor, std::int32_t precision) {
  const std::int32_t bytes = element_bytes(precision);
  if (bytes == 0) {
    return TPGAN_BAD_PRECISION;
  }
  if (tensor == nullptr) {
    return TPGAN_NULL_POINTER;
  }
  const auto address = reinterpret_cast<std::uintptr_t>(tensor);
  return address % static_cast<std::uintptr_t>(bytes) == 0 ? TPGAN_OK : TPGAN_MISALIGNED;
}

std::int32_t view_frame(const tpgan_frame& frame, FrameView& view) {
  if (!valid_side(frame.width) || !valid_side(frame.height)) {
    return TPGAN_BAD_FRAME;
  }
  const bool planar = frame.format == TPGAN_NV12;
  if (planar ? !valid_nv12(frame) : !valid_rows(frame.width, frame.pitch, frame.format)) {
    return TPGAN_BAD_FRAME;
  }
  if (frame.data == nullptr || (planar && frame.chroma == nullptr)) {
    return TPGAN_NULL_POINTER;
  }
  view.data = frame.data;
  view.chroma = frame.chroma;
  view.width = frame.width;
  view.height = frame.height;
  view.pitch = frame.pitch;
  view.chroma_pitch = frame.chroma_pitch;
  view.format = frame.format;
  view.yuv = frame.yuv;
  view.mirrored = 0;
  return TPGAN_OK;
}

std::int32_t view_image(const tpgan_image& image, ImageView& view) {
  if (!valid_side(image.width) || !valid_side(image.height) ||
      !valid_rows(image.width, image.pitch, image.format)) {
    return TPGAN_BAD_FRAME;
  }
  if (image.data == nullptr) {
    return TPGAN_NULL_POINTER;
  }
  view = {image.data, image.width, image.height, image.pitch, image.format};
  return TPGAN_OK;
}

}  // namespace tpgan
