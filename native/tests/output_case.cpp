#include "output_case.hpp"

namespace {

constexpr std::int32_t kSide = 128;

// The oracle's crops have half the contrast.
void halve(Picture& crop, int lift) {
  for (std::uint8_t& byte : crop.bytes) {
    byte = static_cast<std::uint8_t>(byte / 2 + lift);
  }
}

}  // namespace

FinishCase::FinishCase(const json::Value& test)
    : precision(test["precision"].text() == "FP16" ? TPGAN_FP16 : TPGAN_FP32) {
  const auto seed = static_cast<std::uint32_t>(test["seed"].integer());
  std::uint32_t plane = 0;
  for (const json::Value& flag : test["mirrored"].items()) {
    mirrored.push_back(flag.truth() ? 1 : 0);
    pictures.emplace_back(kSide, kSide, format_named(test["format"].text()),
                          test["padding"].integer());
    for (int channel = 0; channel < 3; ++channel, ++plane) {
      for (std::uint32_t i = 0; i < kSide * kSide; ++i) {
        const std::uint32_t hash = noise(seed, i % kSide, i / kSide, plane) & 0xFFFFU;
        single.push_back(static_cast<float>(hash * (2.2 / 65536) - 1.1));
        half.push_back(tpgan::host::to_half(single.back()));
      }
    }
  }
}

const void* FinishCase::output() const {
  return precision == TPGAN_FP16 ? static_cast<const void*>(half.data()) : single.data();
}

std::vector<tpgan_image> FinishCase::images() {
  std::vector<tpgan_image> result;
  for (Picture& picture : pictures) {
    result.push_back(picture.image());
  }
  return result;
}

PasteCase::PasteCase(const json::Value& test)
    : frame(test["width"].integer(), test["height"].integer(),
            format_named(test["format"].text()), test["padding"].integer()),
      front(kSide, kSide, TPGAN_RGB8, 3),
      aligned(kSide, kSide, TPGAN_BGRA8, 0),
      transform(test["transform"].numbers()) {
  const auto seed = static_cast<std::uint32_t>(test["seed"].integer());
  frame.fill(seed);
  front.fill(seed + 1);
  aligned.fill(seed + 2);
  halve(front, 0);
  halve(aligned, 64);
}
