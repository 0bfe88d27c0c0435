// The alignment rule of tpgan_sdk/geometry.py.
#include <cmath>
#include <cstring>

#include "tpgan/geometry_data.hpp"
#include "tpgan/reference.h"

namespace {

using namespace tpgan::geometry;

constexpr double kPi = 3.14159265358979323846;

struct Point {
  double x, y;
};

struct Face {
  Point points[kLandmarks];
};

// Eye centre, eye-to-mouth vector, and eye distance in units of its length (signed).
struct Axes {
  Point eyes, axis;
  double length_squared, ratio;
};

Point middle(Point a, Point b) { return {(a.x + b.x) / 2, (a.y + b.y) / 2}; }
Point minus(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
double cross(Point a, Point b) { return a.x * b.y - a.y * b.x; }

Axes axes_of(const Face& face) {
  const Point eyes = middle(face.points[0], face.points[1]);
  const Point axis = minus(middle(face.points[3], face.points[4]), eyes);
  const double squared = axis.x * axis.x + axis.y * axis.y;
  return {eyes, axis, squared, cross(minus(face.points[1], face.points[0]), axis) / squared};
}

double yaw_of(const Face& face, const Axes& axes) {
  const double offset = cross(minus(face.points[2], axes.eyes), axes.axis) / axes.length_squared;
  return std::atan2(offset / kNoseDepth, axes.ratio / kEyeSpan) * (180.0 / kPi);
}

Face mirrored(const Face& face, double width) {
  Face result = {};
  for (int i = 0; i < kLandmarks; ++i) {
    const Point p = face.points[kMirrorOrder[i]];
    result.points[i] = {(width - 1) - p.x, p.y};
  }
  return result;
}

// False where the mouth does not lie below the eyes.
bool align(const Face& face, const Template& target, double* transform) {
  const Axes axes = axes_of(face);
  const Point line = minus(face.points[1], face.points[0]);
  const double axis_roll = std::atan2(-axes.axis.x, axes.axis.y);
  const double line_roll = std::atan2(line.y, line.x);
  const double share = (axes.ratio - kAxisBelow) / (kEyeLineAbove - kAxisBelow);
  const double weight = share < 0 ? 0 : share > 1 ? 1 : share;
  const double roll = axis_roll + weight * std::remainder(line_roll - axis_roll, 2 * kPi);
  const double c = std::cos(roll), s = std::sin(roll);
  const double drop = c * axes.axis.y - s * axes.axis.x;
  if (!(drop >= 1.0)) {
    return false;
  }
  const double scale = target.eye_to_mouth / drop;
  const double cos = scale * c, sin = scale * s;
  transform[0] = cos;
  transform[1] = sin;
  transform[2] = target.eye_center[0] - (cos * axes.eyes.x + sin * axes.eyes.y);
  transform[3] = -sin;
  transform[4] = cos;
  transform[5] = target.eye_center[1] - (-sin * axes.eyes.x + cos * axes.eyes.y);
  return true;
}

const Template* find_template(const char* name) {
  for (const Template& candidate : kTemplate) {
    if (std::strcmp(candidate.name, name) == 0) {
      return &candidate;
    }
  }
  return nullptr;
}

}  // namespace

extern "C" int32_t tpgan_align_landmarks(const double* landmarks, int32_t frame_width,
                                         const char* template_name, tpgan_face* face,
                                         double* yaw) {
  if (landmarks == nullptr || template_name == nullptr || face == nullptr) {
    return TPGAN_NULL_POINTER;
  }
  if (frame_width < 1 || frame_width > TPGAN_MAX_SIDE) {
    return TPGAN_BAD_FRAME;
  }
  const Template* target = find_template(template_name);
  if (target == nullptr) {
    return TPGAN_BAD_TEMPLATE;
  }
  Face seen = {};
  for (int i = 0; i < kLandmarks; ++i) {
    seen.points[i] = {landmarks[2 * i], landmarks[2 * i + 1]};
    if (!std::isfinite(seen.points[i].x) || !std::isfinite(seen.points[i].y)) {
      return TPGAN_BAD_LANDMARKS;
    }
  }
  const Axes axes = axes_of(seen);
  if (!(axes.length_squared >= 1.0)) {
    return TPGAN_NOT_A_FACE;
  }
  const double degrees = yaw_of(seen, axes);
  const Face used = degrees < 0 ? mirrored(seen, frame_width) : seen;
  double transform[6] = {};
  if (!align(used, *target, transform)) {
    return TPGAN_NOT_A_FACE;
  }
  std::memcpy(face->transform, transform, sizeof transform);
  for (int i = 0; i < kLandmarks; ++i) {
    face->landmarks[2 * i] = used.points[i].x;
    face->landmarks[2 * i + 1] = used.points[i].y;
  }
  face->mirrored = degrees < 0 ? 1 : 0;
  if (yaw != nullptr) {
    *yaw = degrees;
  }
  return TPGAN_OK;
}

extern "C" int32_t tpgan_paste_transform(const tpgan_face* face, int32_t frame_width,
                                         double* transform) {
  if (face == nullptr || transform == nullptr) {
    return TPGAN_NULL_POINTER;
  }
  if (frame_width < 1 || frame_width > TPGAN_MAX_SIDE) {
    return TPGAN_BAD_FRAME;
  }
  const double* const t = face->transform;
  std::memcpy(transform, t, sizeof face->transform);
  if (face->mirrored != 0) {
    const double last = frame_width - 1;
    transform[1] = -t[1];
    transform[2] = kCropSize - 1 - (t[2] + t[0] * last);
    transform[3] = -t[3];
    transform[5] = t[5] + t[3] * last;
  }
  return TPGAN_OK;
}
