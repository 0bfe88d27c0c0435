// Crops, network and pictures on one GPU, and paste back: what a tpgan_frontalizer is.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "driver.hpp"
#include "engine.hpp"
#include "kernels.hpp"

struct tpgan_frontalizer {
 public:
  // See tpgan_open. Throws tpgan::Failure or tpgan::EngineFileError.
  explicit tpgan_frontalizer(const tpgan_options& options);
  ~tpgan_frontalizer();
  tpgan_frontalizer(const tpgan_frontalizer&) = delete;
  tpgan_frontalizer& operator=(const tpgan_frontalizer&) = delete;

  std::int32_t max_batch() const { return engine_->max_batch(); }

  // See tpgan_run and tpgan_paste: a status, or a tpgan::Failure.
  std::int32_t run(const tpgan_frame* frames, std::int32_t frame_count, const tpgan_face* faces,
                   std::int32_t count, const tpgan_image* pictures, const tpgan_image* aligned,
                   tpgan_stream stream);
  // See tpgan_capture and tpgan_wait.
  std::int32_t capture(std::int32_t count);
  std::int32_t wait(tpgan_stream other, tpgan_stream stream);
  std::int32_t paste(const tpgan_image* frame, const tpgan_face* face, const tpgan_frame* front,
                     const tpgan_frame* aligned, tpgan_stream stream);

  std::array<char, 256> message = {};  // of the last call

 private:
  // The network for one batch size, as one launch, and the context that serves nothing else: it
  // must not be told another size.
  struct Recorded {
    std::int32_t rows;
    tpgan::Context context;
    tpgan::Graph graph;
  };

  void prepare(const tpgan_options& options, const std::vector<char>& engine);
  void release();
  std::int32_t rows_of(std::int32_t count) const;
  const Recorded* recorded(std::int32_t rows) const;
  void enqueue(std::int32_t rows, tpgan_stream stream);
  tpgan_inputs inputs() const;

  tpgan::Gpu gpu_;
  // All below is made, used and freed while an Active lives.
  std::optional<tpgan::Kernels> kernels_;
  std::optional<tpgan::Engine> engine_;
  std::optional<tpgan::Context> context_;
  std::optional<tpgan::Event> event_;
  std::vector<Recorded> recorded_;
  std::vector<void*> tensors_;         // of the engine, in its layout's order
  std::vector<tpgan::Memory> memory_;  // the same, and scratch memory of paste
  // Plans are members because they are large: nothing is allocated in a call.
  tpgan::AlignBatch crops_ = {};
  tpgan::FinishBatch pictures_ = {}, aligned_ = {};
  tpgan::PastePlan pasted_ = {};
};
