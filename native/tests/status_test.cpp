// Each mistake has its status, and each status its sentence.
#include <algorithm>
#include <cstring>
#include <limits>
#include <set>

#include "expect.hpp"
#include "pictures.hpp"
#include "tpgan/device/align.hpp"
#include "tpgan/reference.h"

namespace {

struct Job {
  Picture picture{8, 6, TPGAN_BGR8, 0};
  tpgan_frame frame = picture.frame();
  tpgan_face face = {{1, 0, 0, 0, 1, 0}, {43, 40, 85, 40, 63, 64, 47, 88, 82, 88}, 0, 0};
  std::vector<float> room = std::vector<float>(static_cast<std::size_t>(3 * tpgan::tensor_pixels(0)));
  tpgan_inputs inputs = {{room.data(), room.data(), room.data(), room.data(), room.data()},
                         TPGAN_FP32,
                         1,
                         0,
                         0};
  std::int32_t frames = 1, faces = 1;

  int run() const { return tpgan_reference_align(&frame, frames, &face, faces, &inputs); }
};

template <class Change>
void expect_align(int wanted, const char* what, Change change) {
  Job job;
  change(job);
  expect_status(job.run(), wanted, what);
}

void test_align_statuses() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_align(TPGAN_OK, "nothing wrong", [](Job&) {});
  expect_align(TPGAN_BAD_FRAME, "no width", [](Job& j) { j.frame.width = 0; });
  expect_align(TPGAN_BAD_FRAME, "too high", [](Job& j) { j.frame.height = 32769; });
  expect_align(TPGAN_BAD_FRAME, "pitch of 7 px", [](Job& j) { j.frame.pitch = 21; });
  expect_align(TPGAN_BAD_FRAME, "format", [](Job& j) { j.frame.format = 4; });
  expect_align(TPGAN_NULL_POINTER, "no pixels", [](Job& j) { j.frame.data = nullptr; });
  expect_align(TPGAN_NULL_POINTER, "no chroma", [](Job& j) { j.frame.format = TPGAN_NV12; });
  expect_align(TPGAN_BAD_TRANSFORM, "NaN", [=](Job& j) { j.face.transform[4] = nan; });
  expect_align(TPGAN_BAD_TRANSFORM, "singular", [](Job& j) { j.face.transform[0] = 0; });
  expect_align(TPGAN_BAD_TRANSFORM, "shrinks 1000 times",
               [](Job& j) { j.face.transform[0] = j.face.transform[4] = 1e-3; });
  expect_align(TPGAN_BAD_TRANSFORM, "infinitely far", [](Job& j) { j.face.transform[2] = 1e12; });
  expect_align(TPGAN_BAD_LANDMARKS, "NaN", [=](Job& j) { j.face.landmarks[9] = nan; });
  expect_align(TPGAN_BAD_LANDMARKS, "far away", [](Job& j) { j.face.landmarks[4] = 300; });
  expect_align(TPGAN_BAD_COUNT, "no faces", [](Job& j) { j.faces = 0; });
  expect_align(TPGAN_BAD_COUNT, "33 faces", [](Job& j) { j.faces = 33; });
  expect_align(TPGAN_BAD_COUNT, "no frames", [](Job& j) { j.frames = 0; });
  expect_align(TPGAN_BAD_COUNT, "no such frame", [](Job& j) { j.face.frame = 1; });
  expect_align(TPGAN_BAD_COUNT, "no room", [](Job& j) { j.inputs.capacity = 0; });
  expect_align(TPGAN_BAD_PRECISION, "precision", [](Job& j) { j.inputs.precision = 2; });
  expect_align(TPGAN_BAD_COUNT, "margin below 0", [](Job& j) { j.inputs.margin = -1; });
  expect_align(TPGAN_BAD_COUNT, "margin of 65", [](Job& j) { j.inputs.margin = 65; });
  expect_align(TPGAN_OK, "the face alone needs no patches", [](Job& j) {
    j.inputs.face_only = 1;
    std::fill(j.inputs.tensors + 1, j.inputs.tensors + 5, nullptr);
  });
  expect_align(TPGAN_NULL_POINTER, "no tensor", [](Job& j) { j.inputs.tensors[3] = nullptr; });
  expect_align(TPGAN_MISALIGNED, "odd address", [](Job& j) {
    j.inputs.tensors[2] = reinterpret_cast<char*>(j.room.data()) + 2;
  });
}

}  // namespace

void test_status() {
  test_align_statuses();
  Picture frame{8, 6, TPGAN_BGR8, 0}, crop{128, 128, TPGAN_BGR8, 0};
  const tpgan_image target = frame.image();
  const tpgan_frame small = frame.frame(), good = crop.frame();
  const double identity[] = {1, 0, 0, 0, 1, 0}, flat[] = {1, 1, 0, 1, 1, 0};
  expect_status(tpgan_reference_paste(&target, &good, &small, identity), TPGAN_BAD_FRAME, "size");
  expect_status(tpgan_reference_paste(&target, &good, &good, flat), TPGAN_BAD_TRANSFORM, "flat");
  expect_status(tpgan_reference_paste(&target, &good, &good, nullptr), TPGAN_NULL_POINTER, "null");
  const std::vector<float> output(3 * 128 * 128);
  expect_status(tpgan_reference_finish(output.data(), TPGAN_FP32, &target, nullptr, 1),
                TPGAN_BAD_FRAME, "finish into 8x6");

  std::set<std::string> sentences;
  for (int status = -1; status <= TPGAN_NO_MEMORY; ++status) {
    sentences.insert(tpgan_status_text(status));
  }
  expect(sentences.size() == TPGAN_NO_MEMORY + 2U, "every status has its own sentence");
}
