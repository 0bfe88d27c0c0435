// The kernels: one thread for each pixel, which the headers compute. Their plans are arguments, so
// a launch copies nothing and allocates nothing. Names and arguments are listed in docs/native.md.
#include "plan.hpp"

using tpgan::AlignBatch;
using tpgan::FinishBatch;
using tpgan::PastePlan;
using tpgan::RgbFloat;

// Blocks of 256 threads. Align: grid (pixels_of_face / 256 rounded up, faces).
template <class Element>
__device__ void align(const AlignBatch& batch) {
  const auto pixel = static_cast<std::int32_t>(blockIdx.x * blockDim.x + threadIdx.x);
  if (pixel < tpgan::pixels_of_face(batch)) {
    tpgan::align_pixel<Element>(batch, static_cast<std::int32_t>(blockIdx.y), pixel);
  }
}

extern "C" __global__ void __launch_bounds__(256)
    tpgan_align_fp32(const __grid_constant__ AlignBatch batch) {
  align<float>(batch);
}

extern "C" __global__ void __launch_bounds__(256)
    tpgan_align_fp16(const __grid_constant__ AlignBatch batch) {
  align<tpgan::Half>(batch);
}

// Finish: grid (64, faces).
template <class Element>
__device__ void finish(const FinishBatch& batch) {
  const auto pixel = static_cast<std::int32_t>(blockIdx.x * blockDim.x + threadIdx.x);
  if (pixel < tpgan::kCropPixels) {
    tpgan::finish_pixel<Element>(batch, static_cast<std::int32_t>(blockIdx.y), pixel);
  }
}

extern "C" __global__ void __launch_bounds__(256)
    tpgan_finish_fp32(const __grid_constant__ FinishBatch batch) {
  finish<float>(batch);
}

extern "C" __global__ void __launch_bounds__(256)
    tpgan_finish_fp16(const __grid_constant__ FinishBatch batch) {
  finish<tpgan::Half>(batch);
}

// Colour match: one block. Whole numbers, so the order of the sums plays no part.
extern "C" __global__ void __launch_bounds__(256)
    tpgan_match(const __grid_constant__ PastePlan plan, RgbFloat* shift) {
  __shared__ std::int32_t sums[4];
  if (threadIdx.x < 4) {
    sums[threadIdx.x] = 0;
  }
  __syncthreads();
  tpgan::Rgb sum = {0, 0, 0};
  std::int32_t count = 0;
  for (auto pixel = static_cast<std::int32_t>(threadIdx.x); pixel < tpgan::kCropPixels;
       pixel += static_cast<std::int32_t>(blockDim.x)) {
    const std::int32_t x = pixel % tpgan::geometry::kCropSize;
    const std::int32_t y = pixel / tpgan::geometry::kCropSize;
    if (tpgan::is_fading(x, y)) {
      const tpgan::Rgb d = tpgan::difference(plan, x, y);
      sum = {sum.r + d.r, sum.g + d.g, sum.b + d.b};
      ++count;
    }
  }
  atomicAdd(&sums[0], sum.r);
  atomicAdd(&sums[1], sum.g);
  atomicAdd(&sums[2], sum.b);
  atomicAdd(&sums[3], count);
  __syncthreads();
  if (threadIdx.x == 0) {
    *shift = tpgan::mean_shift({sums[0], sums[1], sums[2]}, sums[3]);
  }
}

// Paste: blocks of 32x8 over the pixels from (left, top) to (right, bottom), after tpgan_match.
extern "C" __global__ void __launch_bounds__(256)
    tpgan_paste(const __grid_constant__ PastePlan plan, const RgbFloat* shift) {
  const std::int32_t x =
      plan.left + static_cast<std::int32_t>(blockIdx.x * blockDim.x + threadIdx.x);
  const std::int32_t y =
      plan.top + static_cast<std::int32_t>(blockIdx.y * blockDim.y + threadIdx.y);
  if (x < plan.right && y < plan.bottom) {
    tpgan::paste_pixel(plan, *shift, x, y);
  }
}
