// The C interface: arguments in, whatever is thrown out as a status and a message.
#include "tpgan/c_api.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <new>

#include "failure.hpp"
#include "pipeline.hpp"
#include "tpgan/engine_file.hpp"

namespace {

using namespace tpgan;

void tell(char* message, std::size_t size, const char* text) noexcept {
  if (message != nullptr && size > 0) {
    std::snprintf(message, size, "%s", text);
  }
}

// Runs `work`; whatever it throws becomes a status and a message.
template <class Work>
std::int32_t guarded(char* message, std::size_t size, Work work) noexcept {
  try {
    const std::int32_t status = work();
    tell(message, size, status == TPGAN_OK ? "" : tpgan_status_text(status));
    return status;
  } catch (const Failure& failure) {
    tell(message, size, failure.what());
    return failure.status();
  } catch (const EngineFileError& error) {
    tell(message, size, error.what());
    return TPGAN_BAD_ENGINE;
  } catch (const std::bad_alloc&) {
    tell(message, size, tpgan_status_text(TPGAN_NO_MEMORY));
    return TPGAN_NO_MEMORY;
  } catch (const std::exception& error) {  // of the file system
    tell(message, size, error.what());
    return TPGAN_BAD_ENGINE;
  }
}

template <class Work>
std::int32_t guarded(tpgan_frontalizer* frontalizer, Work work) noexcept {
  if (frontalizer == nullptr) {
    return TPGAN_NULL_POINTER;
  }
  return guarded(frontalizer->message.data(), frontalizer->message.size(), work);
}

}  // namespace

extern "C" int32_t tpgan_open(const tpgan_options* options, tpgan_frontalizer** result,
                              char* message, int32_t message_size) {
  if (result != nullptr) {
    *result = nullptr;
  }
  const auto size = static_cast<std::size_t>(std::max(message_size, 0));
  return guarded(message, size, [&]() -> std::int32_t {
    if (options == nullptr || result == nullptr || options->engine == nullptr ||
        options->kernels == nullptr) {
      return TPGAN_NULL_POINTER;
    }
    *result = std::make_unique<tpgan_frontalizer>(*options).release();
    return TPGAN_OK;
  });
}

extern "C" void tpgan_close(tpgan_frontalizer* frontalizer) { delete frontalizer; }

extern "C" int32_t tpgan_max_batch(const tpgan_frontalizer* frontalizer) {
  return frontalizer == nullptr ? 0 : frontalizer->max_batch();
}

extern "C" const char* tpgan_message(const tpgan_frontalizer* frontalizer) {
  return frontalizer == nullptr ? tpgan_status_text(TPGAN_NULL_POINTER)
                                : frontalizer->message.data();
}

extern "C" int32_t tpgan_capture(tpgan_frontalizer* frontalizer, int32_t faces) {
  return guarded(frontalizer, [=] { return frontalizer->capture(faces); });
}

extern "C" int32_t tpgan_wait(tpgan_frontalizer* frontalizer, tpgan_stream other,
                              tpgan_stream stream) {
  return guarded(frontalizer, [=] { return frontalizer->wait(other, stream); });
}

extern "C" int32_t tpgan_run(tpgan_frontalizer* frontalizer, const tpgan_frame* frames,
                             int32_t frame_count, const tpgan_face* faces, int32_t face_count,
                             const tpgan_image* pictures, const tpgan_image* aligned,
                             tpgan_stream stream) {
  return guarded(frontalizer, [=] {
    return frontalizer->run(frames, frame_count, faces, face_count, pictures, aligned, stream);
  });
}

extern "C" int32_t tpgan_paste(tpgan_frontalizer* frontalizer, const tpgan_image* frame,
                               const tpgan_face* face, const tpgan_frame* front,
                               const tpgan_frame* aligned, tpgan_stream stream) {
  return guarded(frontalizer,
                 [=] { return frontalizer->paste(frame, face, front, aligned, stream); });
}
