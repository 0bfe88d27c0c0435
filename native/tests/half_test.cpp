// FP16 conversion: every value there and back, and every rounding half way between two.
#include "expect.hpp"
#include "tpgan/device/half.hpp"

using tpgan::Half;
using tpgan::host::from_half;
using tpgan::host::to_half;

void test_half() {
  for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const Half half = {static_cast<std::uint16_t>(bits)};
    const float value = from_half(half);
    const bool nan = (bits & 0x7FFFU) > 0x7C00U;
    expect(nan ? std::isnan(value) && std::isnan(from_half(to_half(value)))
               : to_half(value).bits == bits,
           "FP16 " + std::to_string(bits) + " there and back");
  }
  for (std::uint32_t bits = 0; bits < 0x7BFFU; ++bits) {
    const float low = from_half({static_cast<std::uint16_t>(bits)});
    const float high = from_half({static_cast<std::uint16_t>(bits + 1)});
    const float middle = low + (high - low) / 2;  // exact in float32
    const std::uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    expect(to_half(middle).bits == even, "half way goes to even");
    expect(to_half(std::nextafter(middle, low)).bits == bits, "below half way goes down");
    expect(to_half(std::nextafter(middle, high)).bits == bits + 1, "above half way goes up");
  }
  expect(to_half(65519.0F).bits == 0x7BFFU && to_half(65520.0F).bits == 0x7C00U, "overflow");
  expect(from_half({0x3C00U}) == 1.0F && from_half({0xC000U}) == -2.0F, "known values");
}
