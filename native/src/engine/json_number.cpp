#include "json_number.hpp"

#include <charconv>
#include <limits>

namespace tpgan::json {
namespace {

char at_or_end(std::string_view text, std::size_t at) { return at < text.size() ? text[at] : '\0'; }

// The end of the digits from `at` on.
std::size_t skip_digits(std::string_view text, std::size_t at) {
  while (at_or_end(text, at) >= '0' && at_or_end(text, at) <= '9') {
    ++at;
  }
  return at;
}

Value converted(std::string_view digits, bool whole) {
  const char* const end = digits.data() + digits.size();
  if (whole) {
    std::int64_t integer = 0;
    if (std::from_chars(digits.data(), end, integer).ec == std::errc()) {
      return Value{integer};
    }
  }
  double result = 0;
  if (std::from_chars(digits.data(), end, result).ec != std::errc()) {
    // Too large or too small for a double: which of both plays no part here.
    result = std::numeric_limits<double>::infinity();
  }
  return Value{result};
}

}  // namespace

std::size_t read_number(std::string_view text, std::size_t at, Value& result) {
  const std::size_t digits = at + (at_or_end(text, at) == '-' ? 1 : 0);
  // Nothing but a point or an exponent follows a leading zero.
  std::size_t end = at_or_end(text, digits) == '0' ? digits + 1 : skip_digits(text, digits);
  if (end == digits) {
    return at;
  }
  const std::size_t whole = end;
  if (at_or_end(text, end) == '.') {
    const std::size_t fraction = end + 1;
    end = skip_digits(text, fraction);
    if (end == fraction) {
      return at;
    }
  }
  if (const char mark = at_or_end(text, end); mark == 'e' || mark == 'E') {
    const char sign = at_or_end(text, end + 1);
    const std::size_t exponent = end + (sign == '+' || sign == '-' ? 2 : 1);
    end = skip_digits(text, exponent);
    if (end == exponent) {
      return at;
    }
  }
  result = converted(text.substr(at, end - at), end == whole);
  return end;
}

}  // namespace tpgan::json
