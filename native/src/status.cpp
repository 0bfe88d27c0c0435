#include "tpgan/types.h"

extern "C" const char* tpgan_status_text(int32_t status) {
  switch (status) {
    case TPGAN_OK:
      return "ok";
    case TPGAN_NULL_POINTER:
      return "a pointer is null: expected the picture, tensor or array that the call names";
    case TPGAN_BAD_FRAME:
      return "a picture's size, pitch, format or YUV matrix is not valid: expected sides of 1 to "
             "32768 px (128 for a crop), a known format, and a pitch of at least one row";
    case TPGAN_BAD_TRANSFORM:
      return "a transform is not finite, is singular, or shrinks more than 256 times: expected a "
             "2x3 matrix from frame pixels to the 128x128 crop";
    case TPGAN_BAD_LANDMARKS:
      return "landmarks are not finite, or lie too far outside the crop: expected five points of "
             "the face in frame pixels";
    case TPGAN_BAD_COUNT:
      return "a number of faces or frames, or a face's frame index, is out of range: expected 1 "
             "to 32 faces a call, no more than the tensors hold";
    case TPGAN_BAD_PRECISION:
      return "unknown precision: expected TPGAN_FP32 or TPGAN_FP16";
    case TPGAN_MISALIGNED:
      return "a tensor does not begin at a multiple of its element size";
    case TPGAN_BAD_TEMPLATE:
      return "unknown template: expected \"official\" or \"seed\"";
    case TPGAN_NOT_A_FACE:
      return "the landmarks coincide, or the mouth is not below the eyes: expected left eye, right "
             "eye, nose, left and right mouth corner";
    case TPGAN_BAD_ENGINE:
      return "the engine file is refused: expected what `tpgan build-engine` wrote on this machine "
             "for this model, its sidecar beside it";
    case TPGAN_BAD_KERNELS:
      return "the kernels cannot be used: expected the fatbin and sidecar that the CMake target "
             "tpgan_kernels writes, for this GPU and driver";
    case TPGAN_NO_GPU:
      return "no NVIDIA driver, or no such GPU";
    case TPGAN_CUDA_ERROR:
      return "a call of the CUDA driver failed";
    case TPGAN_ENGINE_ERROR:
      return "TensorRT refuses the engine or the batch";
    case TPGAN_NO_MEMORY:
      return "out of memory";
    default:
      return "unknown status";
  }
}
