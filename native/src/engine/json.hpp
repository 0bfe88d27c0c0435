// Reads JSON as Python's json.loads does, except that nesting is limited. For sidecars and tests.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace tpgan::json {

// Text that is not JSON, or a value of another type than was asked for.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Value {
 public:
  using Array = std::vector<Value>;
  using Object = std::map<std::string, Value>;
  // Whole numbers are integers where they fit, as in Python they are not floats.
  using Held =
      std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object>;

  Value() : held_(nullptr) {}
  // Of one of the types above, made in its place.
  template <class T, class = std::enable_if_t<!std::is_same_v<std::decay_t<T>, Value>>>
  explicit Value(T&& value) : held_(std::forward<T>(value)) {}

  template <class T>
  bool is() const {
    return std::holds_alternative<T>(held_);
  }
  // Throws Error when the value is of another type.
  template <class T>
  const T& as() const {
    const T* const found = std::get_if<T>(&held_);
    if (found == nullptr) {
      throw Error("a value has another type than expected");
    }
    return *found;
  }
  double number() const;  // of either kind
  // The member of an object; throws Error where there is none.
  const Value& operator[](const std::string& key) const;

 private:
  Held held_;
};

// Throws Error, with the place in bytes.
Value parse(std::string_view text);

}  // namespace tpgan::json
