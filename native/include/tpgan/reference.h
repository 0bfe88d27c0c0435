/* The SDK's pixel work on the CPU: the same per-pixel functions that the kernels run.
 *
 * Every function returns a tpgan_status, throws nothing, allocates nothing and writes nothing when
 * the status is not TPGAN_OK. Buffers must be as large as their pitches say. Thread safe. */
#ifndef TPGAN_REFERENCE_H
#define TPGAN_REFERENCE_H

#include "tpgan/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The published alignment of one face: decides by the yaw whether the frame is read mirrored and
 * fills `face` but for its frame index.
 *
 * landmarks: 10 numbers, frame px, order of tpgan_face. frame_width: px. template_name: "official"
 * or "seed". yaw: degrees, positive when the face looks to the right edge; may be null.
 *
 * As tpgan_sdk.geometry: estimate_yaw, mirror_landmarks, alignment_transform. */
int32_t tpgan_align_landmarks(const double* landmarks, int32_t frame_width,
                              const char* template_name, tpgan_face* face, double* yaw);

/* The transform that a paste takes, from the frame to the finished picture, of a face that may have
 * been read mirrored. frame_width: px. transform: receives 6 numbers.
 *
 * As tpgan_sdk.geometry: mirror_frame_transform, then mirror_crop_transform. */
int32_t tpgan_paste_transform(const tpgan_face* face, int32_t frame_width, double* transform);

/* Cuts all five network inputs of `face_count` faces out of `frame_count` frames.
 * As tpgan_sdk.crops: crop_face, network_inputs, with tpgan_sdk.resample.warp_reference. */
int32_t tpgan_reference_align(const tpgan_frame* frames, int32_t frame_count,
                              const tpgan_face* faces, int32_t face_count,
                              const tpgan_inputs* inputs);

/* The network's output (N, 3, 128, 128), RGB in [-1, 1], to N pictures of 128x128.
 * mirrored: N flags, not 0 mirrors that picture back; null: none. NaN becomes 0. */
int32_t tpgan_reference_finish(const void* output, int32_t precision, const tpgan_image* pictures,
                               const int32_t* mirrored, int32_t count);

/* Puts one frontal face back into its frame, in place, faded out towards the crop's border and
 * matched to the photo's mean colour there. As tpgan_sdk.faces.pasting.paste_back.
 *
 * front, aligned: 128x128, BGR, RGB or BGRA: the frontal face, and the crop of the photo.
 * transform: 6 numbers, frame px to crop px. */
int32_t tpgan_reference_paste(const tpgan_image* frame, const tpgan_frame* front,
                              const tpgan_frame* aligned, const double* transform);

#ifdef __cplusplus
}
#endif

#endif
