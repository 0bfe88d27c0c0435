#include "json.hpp"

#include <charconv>
#include <limits>

#include "json_number.hpp"
#include "utf8.hpp"

namespace tpgan::json {
namespace {

constexpr int kMaxDepth = 64;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Value whole() {
    Value result = value(0);
    if (next() != '\0' || at_ != text_.size()) {
      fail("something after the end");
    }
    return result;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;

  [[noreturn]] void fail(const char* what) const {
    throw Error(std::string(what) + " at byte " + std::to_string(at_));
  }

  // '\0' at the end; the text may hold one too, which nothing expects.
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  char next() {
    while (at_ < text_.size() && std::string_view(" \n\r\t").find(text_[at_]) != text_.npos) {
      ++at_;
    }
    return peek();
  }

  bool accept(char wanted) {
    if (next() != wanted || at_ == text_.size()) {
      return false;
    }
    ++at_;
    return true;
  }

  void expect(char wanted) {
    if (!accept(wanted)) {
      fail("unexpected character");
    }
  }

  bool accept_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) {
      return false;
    }
    at_ += word.size();
    return true;
  }

  Value value(int depth) {
    if (depth > kMaxDepth) {
      fail("nested too deeply");
    }
    switch (next()) {
      case '[':
        return array(depth);
      case '{':
        return object(depth);
      case '"':
        return Value{string()};
      default:
        return word_or_number();
    }
  }

  Value array(int depth) {
    Value::Array items;
    expect('[');
    if (!accept(']')) {
      do {
        items.push_back(value(depth + 1));
      } while (accept(','));
      expect(']');
    }
    return Value{std::move(items)};
  }

  Value object(int depth) {
    Value::Object members;
    expect('{');
    if (!accept('}')) {
      do {
        next();
        std::string key = string();
        expect(':');
        members[std::move(key)] = value(depth + 1);  // the last of equal names, as in Python
      } while (accept(','));
      expect('}');
    }
    return Value{std::move(members)};
  }

  std::string string() {
    expect('"');
    std::string result;
    for (;;) {
      if (at_ == text_.size()) {
        fail("unclosed string");
      }
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) {
        fail("control character in a string");
      }
      ++at_;
      if (c == '"') {
        return result;
      }
      if (c == '\\') {
        escape(result);
      } else {
        result += c;
      }
    }
  }

  void escape(std::string& result) {
    constexpr std::string_view names = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    const char name = peek();
    if (name == 'u' && at_ < text_.size()) {
      ++at_;
      utf8::append(result, code_point());
      return;
    }
    const std::size_t place = names.find(name);
    if (at_ == text_.size() || place == names.npos) {
      fail("unknown escape");
    }
    ++at_;
    result += meanings[place];
  }

  std::uint32_t code_point() {
    const std::uint32_t high = hex4();
    const std::size_t after = at_;
    if (high >= 0xD800 && high < 0xDC00 && accept_word("\\u")) {
      const std::uint32_t low = hex4();
      if (low >= 0xDC00 && low < 0xE000) {
        return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
      }
      at_ = after;
    }
    return high;
  }

  std::uint32_t hex4() {
    std::uint32_t result = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), result, 16);
    if (digits.size() != 4 || error != std::errc() || end != digits.data() + 4) {
      fail("expected four hexadecimal digits");
    }
    at_ += 4;
    return result;
  }

  Value word_or_number() {
    using Limits = std::numeric_limits<double>;
    if (accept_word("null")) {
      return Value{};
    }
    if (accept_word("true")) {
      return Value{true};
    }
    if (accept_word("false")) {
      return Value{false};
    }
    if (accept_word("NaN")) {
      return Value{Limits::quiet_NaN()};
    }
    if (accept_word("Infinity")) {
      return Value{Limits::infinity()};
    }
    if (accept_word("-Infinity")) {
      return Value{-Limits::infinity()};
    }
    return number();
  }

  Value number() {
    Value result;
    const std::size_t end = read_number(text_, at_, result);
    if (end == at_) {
      fail("expected a value");
    }
    at_ = end;
    return result;
  }
};

}  // namespace

double Value::number() const {
  return is<std::int64_t>() ? static_cast<double>(as<std::int64_t>()) : as<double>();
}

const Value& Value::operator[](const std::string& key) const {
  const Object& members = as<Object>();
  const auto found = members.find(key);
  if (found == members.end()) {
    throw Error("'" + key + "' is missing");
  }
  return found->second;
}

Value parse(std::string_view text) {
  if (!utf8::valid(text)) {
    throw Error("the text is not UTF-8");
  }
  return Parser(text).whole();
}

}  // namespace tpgan::json
