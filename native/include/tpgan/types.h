/* The values that pass through the native API. Plain C, so that every language can fill them.
 *
 * Points are (x, y) in pixels; the centre of the first pixel is (0, 0). A transform is a 2x3
 * matrix in row order that maps frame pixels to pixels of the 128x128 crop; it may mirror.
 * Pointers may be of the host (reference) or of the device (kernels); nothing is ever copied. */
#ifndef TPGAN_TYPES_H
#define TPGAN_TYPES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Largest width and height of a frame, px. */
#define TPGAN_MAX_SIDE 32768
/* Largest whole-number factor by which a frame is reduced before it is sampled. */
#define TPGAN_MAX_FACTOR 256
/* Faces in one launch: their plans travel as kernel arguments, of which 4 KB fit. */
#define TPGAN_MAX_FACES 32

enum tpgan_status {
  TPGAN_OK = 0,
  TPGAN_NULL_POINTER = 1,   /* a pointer that is needed is null */
  TPGAN_BAD_FRAME = 2,      /* size, pitch, format or YUV matrix of a picture */
  TPGAN_BAD_TRANSFORM = 3,  /* NaN, singular, or shrinks by more than TPGAN_MAX_FACTOR */
  TPGAN_BAD_LANDMARKS = 4,  /* NaN, or a patch further outside the crop than geometry allows */
  TPGAN_BAD_COUNT = 5,      /* number of faces or frames, a face's index of its frame, a margin */
  TPGAN_BAD_PRECISION = 6,  /* neither FP32 nor FP16 */
  TPGAN_MISALIGNED = 7,     /* a tensor not aligned to its elements */
  TPGAN_BAD_TEMPLATE = 8,   /* no such template */
  TPGAN_NOT_A_FACE = 9,     /* finite landmarks that the alignment rule refuses */
  TPGAN_BAD_ENGINE = 10,    /* an engine file is refused */
  TPGAN_BAD_KERNELS = 11,   /* the fatbin is missing, damaged, or not for this GPU or driver */
  TPGAN_NO_GPU = 12,        /* no driver, or no such GPU */
  TPGAN_CUDA_ERROR = 13,    /* the driver refuses a call */
  TPGAN_ENGINE_ERROR = 14,  /* TensorRT refuses the engine or a batch */
  TPGAN_NO_MEMORY = 15      /* the host's memory is used up */
};

enum tpgan_format {
  TPGAN_BGR8 = 0,  /* 3 bytes a pixel */
  TPGAN_RGB8 = 1,  /* 3 bytes a pixel */
  TPGAN_BGRA8 = 2, /* 4 bytes a pixel; alpha is not read, and written as 255 by finish only */
  TPGAN_NV12 = 3   /* plane of luma, plane of U and V in turn at half the size; input only */
};

enum tpgan_yuv { /* how NV12 becomes RGB */
  TPGAN_BT601_LIMITED = 0,
  TPGAN_BT709_LIMITED = 1,
  TPGAN_BT601_FULL = 2,
  TPGAN_BT709_FULL = 3
};

enum tpgan_precision { TPGAN_FP32 = 0, TPGAN_FP16 = 1 };

/* A picture that is read. */
typedef struct tpgan_frame {
  const uint8_t* data;   /* first pixel (NV12: first luma) */
  const uint8_t* chroma; /* NV12: first U; otherwise not read */
  int32_t width;         /* px, 1 to TPGAN_MAX_SIDE */
  int32_t height;        /* px, 1 to TPGAN_MAX_SIDE */
  int32_t pitch;         /* bytes from one row to the next, at least those of a row */
  int32_t chroma_pitch;  /* the same for NV12's second plane of (height + 1) / 2 rows */
  int32_t format;        /* tpgan_format */
  int32_t yuv;           /* tpgan_yuv; read for NV12 only */
} tpgan_frame;

/* A picture that is written; never NV12. */
typedef struct tpgan_image {
  uint8_t* data;
  int32_t width;
  int32_t height;
  int32_t pitch;
  int32_t format;
} tpgan_image;

/* One face to be aligned. */
typedef struct tpgan_face {
  double transform[6];  /* frame to crop; of the mirrored frame where `mirrored` */
  double landmarks[10]; /* x, y of left eye, right eye, nose, left and right mouth corner, in px
                           of the frame (of the mirrored frame where `mirrored`) */
  int32_t frame;        /* index into the frames */
  int32_t mirrored;     /* not 0: the frame is read mirrored, x becomes width - 1 - x */
} tpgan_face;

/* Largest margin of the face input, px of the crop. */
#define TPGAN_MAX_MARGIN 64

/* The network's inputs: face, left_eye, right_eye, nose, mouth. Each is contiguous (N, 3, h, w),
 * RGB in [-1, 1]. The face has h = w = 128 + 2 * margin; the patches 40x40, 40x40, 32x40, 32x48.
 * The model's sidecar says which of them it takes. */
typedef struct tpgan_inputs {
  void* tensors[5];
  int32_t precision; /* tpgan_precision of all */
  int32_t capacity;  /* N: faces that each tensor has room for */
  int32_t margin;    /* px of the crop that the face shows around it, 0 to TPGAN_MAX_MARGIN */
  int32_t face_only; /* not 0: the patches are not wanted, their tensors not read */
} tpgan_inputs;

/* What a status means, in English; never null. */
const char* tpgan_status_text(int32_t status);

#ifdef __cplusplus
}
#endif

#endif
