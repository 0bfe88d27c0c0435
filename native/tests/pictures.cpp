#include "pictures.hpp"

#include <iterator>
#include <stdexcept>

namespace {

std::int32_t bytes_of(std::int32_t format) {
  return format == TPGAN_NV12 ? 1 : format == TPGAN_BGRA8 ? 4 : 3;
}

std::size_t buffer_size(std::int32_t pitch, std::int32_t rows, std::int32_t row_bytes) {
  return static_cast<std::size_t>(pitch) * static_cast<std::size_t>(rows - 1) +
         static_cast<std::size_t>(row_bytes);
}

template <std::size_t N>
std::int32_t place_of(const std::string& name, const char* const (&names)[N]) {
  for (std::size_t i = 0; i < N; ++i) {
    if (name == names[i]) {
      return static_cast<std::int32_t>(i);
    }
  }
  throw std::runtime_error("unknown name " + name);
}

}  // namespace

Picture::Picture(std::int32_t w, std::int32_t h, std::int32_t kind, std::int32_t padding)
    : width(w), height(h), format(kind) {
  pitch = width * bytes_of(format) + padding;
  bytes.resize(buffer_size(pitch, height, width * bytes_of(format)), 0xA5);
  const std::int32_t pairs = (width + 1) / 2;
  chroma_pitch = 2 * pairs + padding;
  if (format == TPGAN_NV12) {
    chroma.resize(buffer_size(chroma_pitch, (height + 1) / 2, 2 * pairs), 0xA5);
  }
}

std::uint8_t* Picture::pixel(std::int32_t x, std::int32_t y) {
  return bytes.data() + std::ptrdiff_t{y} * pitch + std::ptrdiff_t{x} * bytes_of(format);
}

std::uint8_t& Picture::channel(std::int32_t x, std::int32_t y, std::int32_t index) {
  return pixel(x, y)[format == TPGAN_RGB8 ? index : 2 - index];
}

void Picture::fill(std::uint32_t seed) {
  const bool planar = format == TPGAN_NV12;
  for (std::int32_t y = 0; y < height; ++y) {
    for (std::int32_t x = 0; x < width; ++x) {
      const auto ux = static_cast<std::uint32_t>(x), uy = static_cast<std::uint32_t>(y);
      if (planar) {
        *pixel(x, y) = noise_byte(seed, ux, uy, 0);
        continue;
      }
      for (std::int32_t c = 0; c < 3; ++c) {
        channel(x, y, c) = noise_byte(seed, ux, uy, static_cast<std::uint32_t>(c));
      }
    }
  }
  for (std::int32_t y = 0; planar && y < (height + 1) / 2; ++y) {
    std::uint8_t* row = chroma.data() + std::ptrdiff_t{y} * chroma_pitch;
    for (std::int32_t i = 0; i < 2 * ((width + 1) / 2); ++i) {
      row[i] = noise_byte(seed + 1, static_cast<std::uint32_t>(i / 2),
                          static_cast<std::uint32_t>(y), static_cast<std::uint32_t>(i % 2));
    }
  }
}

tpgan_frame Picture::frame(std::int32_t yuv) const {
  return {bytes.data(), chroma.data(), width, height, pitch, chroma_pitch, format, yuv};
}

tpgan_image Picture::image() { return {bytes.data(), width, height, pitch, format}; }

std::int32_t format_named(const std::string& name) {
  return place_of(name, {"BGR8", "RGB8", "BGRA8", "NV12"});
}

std::int32_t yuv_named(const std::string& name) {
  return place_of(name, {"BT601_LIMITED", "BT709_LIMITED", "BT601_FULL", "BT709_FULL"});
}
