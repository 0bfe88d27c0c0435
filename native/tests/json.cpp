#include "json.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace json {
namespace {

class Parser {
 public:
  explicit Parser(std::string text) : text_(std::move(text)) {}

  Value whole() {
    Value result = value();
    if (next() != '\0') {
      fail("something after the end");
    }
    return result;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;

  [[noreturn]] void fail(const char* what) const {
    throw std::runtime_error(std::string(what) + " at byte " + std::to_string(at_));
  }

  char next() {
    at_ = text_.find_first_not_of(" \n\r\t", at_);
    if (at_ == std::string::npos) {
      at_ = text_.size();
    }
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  bool accept(char wanted) {
    if (next() != wanted) {
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

  Value word(const char* expected, Value result) {
    const std::string name = expected;
    if (text_.compare(at_, name.size(), name) != 0) {
      fail("unknown word");
    }
    at_ += name.size();
    return result;
  }

  Value value() {
    switch (next()) {
      case '[':
        return array();
      case '{':
        return object();
      case '"':
        return Value{string()};
      case 't':
        return word("true", Value{true});
      case 'f':
        return word("false", Value{false});
      case 'n':
        return word("null", Value{});
      default:
        return number();
    }
  }

  Value array() {
    Value::Array items;
    expect('[');
    if (!accept(']')) {
      do {
        items.push_back(value());
      } while (accept(','));
      expect(']');
    }
    return Value{std::move(items)};
  }

  Value object() {
    Value::Object members;
    expect('{');
    if (!accept('}')) {
      do {
        next();
        std::string key = string();
        expect(':');
        members[std::move(key)] = value();
      } while (accept(','));
      expect('}');
    }
    return Value{std::move(members)};
  }

  // The case files hold no escapes.
  std::string string() {
    expect('"');
    const std::size_t end = text_.find_first_of("\"\\", at_);
    if (end == std::string::npos || text_[end] == '\\') {
      fail("unclosed string, or an escape");
    }
    std::string result = text_.substr(at_, end - at_);
    at_ = end + 1;
    return result;
  }

  Value number() {
    const char* begin = text_.c_str() + at_;
    char* end = nullptr;
    const double result = std::strtod(begin, &end);
    if (end == begin) {
      fail("expected a value");
    }
    at_ += static_cast<std::size_t>(end - begin);
    return Value{result};
  }
};

}  // namespace

std::vector<double> Value::numbers() const {
  std::vector<double> result;
  for (const Value& item : items()) {
    result.push_back(item.number());
  }
  return result;
}

Value read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    throw std::runtime_error("cannot read " + path);
  }
  return Parser(text.str()).whole();
}

}  // namespace json
