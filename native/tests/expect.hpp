// What the tests share: counted expectations, and the tests' names.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>

#include "json.hpp"

// Failed expectations so far.
inline int failures = 0;

inline void expect(bool holds, const std::string& what) {
  if (!holds) {
    ++failures;
    std::printf("FAILED %s\n", what.c_str());
  }
}

inline void expect_near(double found, double wanted, double tolerance, const std::string& what) {
  // Written so that NaN fails.
  expect(std::fabs(found - wanted) <= tolerance,
         what + ": " + std::to_string(found) + ", expected " + std::to_string(wanted));
}

inline void expect_status(int found, int wanted, const std::string& what) {
  expect(found == wanted,
         what + ": status " + std::to_string(found) + ", expected " + std::to_string(wanted));
}

// The cases of native/tests/cases/NAME.json.
inline json::Value::Array cases(const std::string& name) {
  return json::read(std::string(TPGAN_CASES) + "/" + name + ".json").items();
}

void test_align();
void test_finish();
void test_paste();
void test_geometry();
void test_half();
void test_status();
void test_engine();
void test_fuzz();
