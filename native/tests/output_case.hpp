// Cases of finish.json and paste.json with their pictures. The GPU test uses them too.
#pragma once

#include <vector>

#include "json.hpp"
#include "pictures.hpp"
#include "tpgan/device/half.hpp"

struct FinishCase {
  std::vector<float> single;
  std::vector<tpgan::Half> half;
  std::vector<Picture> pictures;
  std::vector<std::int32_t> mirrored;
  std::int32_t precision;

  explicit FinishCase(const json::Value& test);

  const void* output() const;
  std::vector<tpgan_image> images();
};

struct PasteCase {
  Picture frame, front, aligned;
  std::vector<double> transform;

  explicit PasteCase(const json::Value& test);
};
