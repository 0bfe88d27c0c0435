// One pixel of a frame, whatever its format, as whole RGB levels.
#pragma once

#include <cstdint>

#include "tpgan/device/fixed.hpp"
#include "tpgan/types.h"

namespace tpgan {

struct Rgb {
  std::int32_t r, g, b;
};

// A frame whose fields the host has checked.
struct FrameView {
  const std::uint8_t* data;
  const std::uint8_t* chroma;
  std::int32_t width, height;
  std::int32_t pitch, chroma_pitch;
  std::int32_t format, yuv;
  std::int32_t mirrored;
};

// Weights of luma and of V and U in R, G, B, times 2^16.
struct YuvMatrix {
  std::int32_t luma, black, v_in_r, v_in_g, u_in_g, u_in_b;
};

// ITU-R BT.601 (K_r 0.299, K_b 0.114) and BT.709 (0.2126, 0.0722); limited: luma 16 to 235.
TPGAN_HD inline YuvMatrix yuv_matrix(std::int32_t yuv) {
  switch (yuv) {
    case TPGAN_BT709_LIMITED:
      return {76309, 16, 117489, -34925, -13975, 138438};
    case TPGAN_BT601_FULL:
      return {65536, 0, 91881, -46802, -22553, 116130};
    case TPGAN_BT709_FULL:
      return {65536, 0, 103206, -30679, -12276, 121609};
    default:
      return {76309, 16, 104597, -53279, -25675, 132201};
  }
}

TPGAN_HD inline std::int32_t level(std::int32_t scaled) {
  return clamped((scaled + 32768) >> 16, 0, 255);
}

// A whole number for each pixel, so that box means are exact in every format.
TPGAN_HD inline Rgb rgb_from_yuv(std::int32_t y, std::int32_t u, std::int32_t v,
                                 std::int32_t yuv) {
  const YuvMatrix m = yuv_matrix(yuv);
  const std::int32_t grey = m.luma * (y - m.black);
  return {level(grey + m.v_in_r * (v - 128)),
          level(grey + m.v_in_g * (v - 128) + m.u_in_g * (u - 128)),
          level(grey + m.u_in_b * (u - 128))};
}

TPGAN_HD inline Rgb read_pixel(const FrameView& frame, std::int32_t x, std::int32_t y) {
  const std::int32_t column = frame.mirrored != 0 ? frame.width - 1 - x : x;
  const std::uint8_t* row = frame.data + std::int64_t{y} * frame.pitch;
  if (frame.format == TPGAN_NV12) {
    const std::uint8_t* pair =
        frame.chroma + std::int64_t{y / 2} * frame.chroma_pitch + (column & ~1);
    return rgb_from_yuv(row[column], pair[0], pair[1], frame.yuv);
  }
  const std::uint8_t* pixel = row + column * (frame.format == TPGAN_BGRA8 ? 4 : 3);
  if (frame.format == TPGAN_RGB8) {
    return {pixel[0], pixel[1], pixel[2]};
  }
  return {pixel[2], pixel[1], pixel[0]};
}

// Reads a frame as it is.
struct FrameReader {
  const FrameView& frame;

  TPGAN_HD Rgb operator()(std::int32_t x, std::int32_t y) const { return read_pixel(frame, x, y); }
};

// A picture that the host has checked, to be written.
struct ImageView {
  std::uint8_t* data;
  std::int32_t width, height;
  std::int32_t pitch;
  std::int32_t format;

  TPGAN_HD std::uint8_t* at(std::int32_t x, std::int32_t y) const {
    return data + std::int64_t{y} * pitch + x * (format == TPGAN_BGRA8 ? 4 : 3);
  }
};

TPGAN_HD inline Rgb get_pixel(const ImageView& image, std::int32_t x, std::int32_t y) {
  const std::uint8_t* p = image.at(x, y);
  return image.format == TPGAN_RGB8 ? Rgb{p[0], p[1], p[2]} : Rgb{p[2], p[1], p[0]};
}

// Alpha is left as it is.
TPGAN_HD inline void put_pixel(const ImageView& image, std::int32_t x, std::int32_t y, Rgb value) {
  std::uint8_t* p = image.at(x, y);
  const bool rgb = image.format == TPGAN_RGB8;
  p[rgb ? 0 : 2] = static_cast<std::uint8_t>(value.r);
  p[1] = static_cast<std::uint8_t>(value.g);
  p[rgb ? 2 : 0] = static_cast<std::uint8_t>(value.b);
}

}  // namespace tpgan
