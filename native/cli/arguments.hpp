// The command line of tpgan_cli.
#pragma once

#include <array>
#include <string>

struct Arguments {
  std::string engine, kernels, image, output;
  std::string pasted;                          // empty: not wanted
  std::string template_name = "official";
  std::array<double, 10> landmarks = {};       // x, y of five points, px
  int device = 0;
  bool allow_unverified = false;
};

extern const char* const kUsage;

// Throws std::runtime_error.
Arguments parse_arguments(int count, char** words);
