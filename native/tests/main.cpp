// Runs the tests named on the command line.
#include <cstring>
#include <exception>

#include "expect.hpp"

namespace {

struct Test {
  const char* name;
  void (*run)();
};

constexpr Test kTests[] = {
    {"align", test_align},       {"finish", test_finish}, {"paste", test_paste},
    {"geometry", test_geometry}, {"half", test_half},     {"status", test_status},
    {"fuzz", test_fuzz},         {"engine", test_engine},
};

bool run(const char* name) {
  for (const Test& test : kTests) {
    if (std::strcmp(test.name, name) == 0) {
      test.run();
      return true;
    }
  }
  return false;
}

}  // namespace

int main(int count, char** words) {
  try {
    for (int i = 1; i < count; ++i) {
      if (!run(words[i])) {
        std::printf("no test is called %s\n", words[i]);
        return 2;
      }
    }
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 2;
  }
  std::printf("%d failed\n", failures);
  return failures == 0 ? 0 : 1;
}
