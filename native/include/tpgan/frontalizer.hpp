// The C++ face of tpgan/c_api.h: the same calls with an owner and exceptions. Header only, so the
// library's binary interface stays plain C.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tpgan/c_api.h"

namespace tpgan {

// A call that did not return TPGAN_OK.
class Error : public std::runtime_error {
 public:
  Error(std::int32_t status, const std::string& message)
      : std::runtime_error(message), status_(status) {}

  // A tpgan_status.
  std::int32_t status() const noexcept { return status_; }

 private:
  std::int32_t status_;
};

// An opened engine. Movable; one thread and one stream at a time.
class Frontalizer {
 public:
  // See tpgan_open. Throws Error.
  explicit Frontalizer(const tpgan_options& options) {
    char message[1024];
    tpgan_frontalizer* opened = nullptr;
    const std::int32_t status = tpgan_open(&options, &opened, message, sizeof message);
    if (status != TPGAN_OK) {
      throw Error(status, message);
    }
    handle_.reset(opened);
  }

  // Most faces of one `run`.
  std::int32_t max_batch() const noexcept { return tpgan_max_batch(handle_.get()); }

  // See tpgan_capture. Throws Error; the object works on without the graph.
  void capture(std::int32_t faces) { check(tpgan_capture(handle_.get(), faces)); }

  // See tpgan_wait. Throws Error.
  void wait(tpgan_stream other, tpgan_stream stream) {
    check(tpgan_wait(handle_.get(), other, stream));
  }

  // See tpgan_run. `pictures` has one for each face; `aligned` too, or is empty. Throws Error.
  void run(const std::vector<tpgan_frame>& frames, const std::vector<tpgan_face>& faces,
           const std::vector<tpgan_image>& pictures, const std::vector<tpgan_image>& aligned,
           tpgan_stream stream) {
    if (pictures.size() != faces.size() || (!aligned.empty() && aligned.size() != faces.size())) {
      throw Error(TPGAN_BAD_COUNT, "expected one picture, and one or no aligned crop, for a face");
    }
    check(tpgan_run(handle_.get(), frames.data(), static_cast<std::int32_t>(frames.size()),
                    faces.data(), static_cast<std::int32_t>(faces.size()), pictures.data(),
                    aligned.empty() ? nullptr : aligned.data(), stream));
  }

  // See tpgan_paste. Throws Error.
  void paste(const tpgan_image& frame, const tpgan_face& face, const tpgan_frame& front,
             const tpgan_frame& aligned, tpgan_stream stream) {
    check(tpgan_paste(handle_.get(), &frame, &face, &front, &aligned, stream));
  }

 private:
  struct Close {
    void operator()(tpgan_frontalizer* frontalizer) const noexcept { tpgan_close(frontalizer); }
  };

  void check(std::int32_t status) const {
    if (status != TPGAN_OK) {
      throw Error(status, tpgan_message(handle_.get()));
    }
  }

  std::unique_ptr<tpgan_frontalizer, Close> handle_;
};

}  // namespace tpgan
