/* Frontal faces from a camera's frames, on the GPU: align and crop, TensorRT engine, finish and
 * paste back, all on a stream of the caller's.
 *
 * Plain C. No function throws. Each returns a tpgan_status; after one that is not TPGAN_OK
 * tpgan_message says more. Frames and pictures lie in memory that the GPU reaches (device, pinned
 * or unified); nothing is copied. After tpgan_open no function but tpgan_capture allocates. One
 * tpgan_frontalizer serves one thread and one stream at a time; different ones run in parallel. */
#ifndef TPGAN_C_API_H
#define TPGAN_C_API_H

#include "tpgan/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An opened engine with its kernels and buffers. */
typedef struct tpgan_frontalizer tpgan_frontalizer;

/* A CUstream or cudaStream_t; null: the default stream. */
typedef void* tpgan_stream;

/* Fill with zeros first: fields may be added. */
typedef struct tpgan_options {
  const char* engine;       /* path of an .engine; its sidecar .engine.json lies beside it */
  const char* kernels;      /* path of tpgan_kernels.fatbin; its sidecar .json lies beside it */
  const char* onnx_sha256;  /* 64 hexadecimal digits of the model that the engine must be of;
                               null: any */
  int32_t device;           /* N of cuda:N */
  int32_t allow_unverified; /* not 0: take an engine that was never compared with ONNX Runtime */
} tpgan_options;

/* Checks engine and kernels, loads them, allocates for the engine's largest batch and runs it once.
 * Blocks until all that is done.
 *
 * result: receives the frontalizer; null after an error. message: receives, where not null, a
 * sentence of at most message_size - 1 bytes after an error, else an empty one. */
int32_t tpgan_open(const tpgan_options* options, tpgan_frontalizer** result, char* message,
                   int32_t message_size);

/* Frees everything. The frontalizer's work on streams must be over. Null: nothing happens. */
void tpgan_close(tpgan_frontalizer* frontalizer);

/* Most faces of one tpgan_run: the engine's largest batch, at most TPGAN_MAX_FACES. 0 for null. */
int32_t tpgan_max_batch(const tpgan_frontalizer* frontalizer);

/* What went wrong in the last call with this frontalizer, in English; never null. */
const char* tpgan_message(const tpgan_frontalizer* frontalizer);

/* Records the network for batches of `faces` as a CUDA graph, which every later tpgan_run of so many
 * faces launches in its place: the same work, fewer calls of the driver.
 *
 * faces: 1 to tpgan_max_batch; call it once for each size that comes often. Allocates, also
 * TensorRT's scratch memory once more, runs the network and blocks, so call it after tpgan_open and
 * not between frames; the frontalizer's work on streams must be over. After an error nothing is
 * recorded, and tpgan_run works as before. */
int32_t tpgan_capture(tpgan_frontalizer* frontalizer, int32_t faces);

/* Lets what comes next on `stream` wait, on the GPU, for what is on `other` now: a frame that a
 * decoder or another library is still writing there. Does not block. */
int32_t tpgan_wait(tpgan_frontalizer* frontalizer, tpgan_stream other, tpgan_stream stream);

/* Puts on `stream`: crops of all faces, the network, and its pictures. Does not wait.
 *
 * frames, faces: as for tpgan_reference_align; tpgan_align_landmarks fills a face. pictures:
 * face_count pictures of 128x128 that receive the frontal faces, oriented as the frames are.
 * aligned: the same for the aligned crops, which tpgan_paste needs; null: none. The arrays
 * themselves are read before the function returns; what they point to must stay. */
int32_t tpgan_run(tpgan_frontalizer* frontalizer, const tpgan_frame* frames, int32_t frame_count,
                  const tpgan_face* faces, int32_t face_count, const tpgan_image* pictures,
                  const tpgan_image* aligned, tpgan_stream stream);

/* Puts on `stream`: one frontal face back into its frame, as tpgan_reference_paste does.
 *
 * face: what tpgan_run was given. front, aligned: what it made. */
int32_t tpgan_paste(tpgan_frontalizer* frontalizer, const tpgan_image* frame,
                    const tpgan_face* face, const tpgan_frame* front, const tpgan_frame* aligned,
                    tpgan_stream stream);

#ifdef __cplusplus
}
#endif

#endif
