// The alignment rule against tpgan_sdk.geometry, and what it refuses.
#include <algorithm>
#include <limits>

#include "expect.hpp"
#include "tpgan/reference.h"

namespace {

void expect_all(const double* found, const std::vector<double>& wanted, const std::string& what) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    expect_near(found[i], wanted[i], 1e-9 * (1 + std::fabs(wanted[i])), what);
  }
}

void expect_refused(int wanted, std::vector<double> points, const std::string& what) {
  tpgan_face face = {};
  const int status = tpgan_align_landmarks(points.data(), 640, "official", &face, nullptr);
  expect_status(status, wanted, what);
  expect(*std::max_element(face.transform, face.transform + 6) == 0, what + ": face untouched");
}

}  // namespace

void test_geometry() {
  for (const json::Value& test : cases("geometry")) {
    const auto points = test["landmarks"].numbers();
    tpgan_face face = {};
    double yaw = 0;
    expect_status(tpgan_align_landmarks(points.data(), test["width"].integer(),
                                        test["template"].text().c_str(), &face, &yaw),
                  TPGAN_OK, "align landmarks");
    expect_near(yaw, test["yaw"].number(), 1e-9, "yaw");
    expect((face.mirrored != 0) == test["mirrored"].truth(), "mirrored");
    expect_all(face.transform, test["transform"].numbers(), "transform");
    expect_all(face.landmarks, test["used"].numbers(), "landmarks used");
    double paste[6] = {};
    expect_status(tpgan_paste_transform(&face, test["width"].integer(), paste), TPGAN_OK, "paste");
    expect_all(paste, test["paste"].numbers(), "transform for paste");
  }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_refused(TPGAN_BAD_LANDMARKS, {nan, 0, 9, 0, 5, 5, 0, 9, 9, 9}, "NaN");
  expect_refused(TPGAN_NOT_A_FACE, {5, 5, 5, 5, 5, 5, 5, 5, 5, 5}, "one point");
  expect_refused(TPGAN_NOT_A_FACE, {0, 0, 100, 0, 50, 5, 50, 0.5, 70, 0.5}, "mouth beside");
  expect_refused(TPGAN_NOT_A_FACE, {1e200, 0, 9, 0, 5, 5, 0, 1e200, 9, 9}, "overflow");
}
