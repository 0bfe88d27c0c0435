// Streams, events and graphs of the fake driver, a part of cuda.cpp. Work runs at once, but while a
// stream is recorded, or where a test puts it off with fake_put_off: then it runs when somebody
// waits for that stream. No launch allocates, so that tests can count the SDK's allocations.
#pragma once

#include <vector>

namespace {

constexpr int kNotSupported = 801;

struct Work {
  void (*run)(const void*);
  unsigned char data[128];  // a copy, as a graph keeps the arguments of its nodes
};

struct FakeStream {
  bool recorded = false;
  std::vector<Work> recording, put_off;
};

struct FakeEvent {
  FakeStream* stream = nullptr;
};

FakeStream default_stream;

FakeStream& stream_of(void* handle) {
  return handle == nullptr ? default_stream : *static_cast<FakeStream*>(handle);
}

bool recording(void* handle) { return stream_of(handle).recorded; }

void run_all(const std::vector<Work>& work) {
  for (const Work& item : work) {
    item.run(item.data);
  }
}

void finish(FakeStream& stream) {
  run_all(stream.put_off);
  stream.put_off.clear();
}

}  // namespace

extern "C" {

// What a fake library puts on a stream: `run` with a copy of `size` bytes.
int fake_put(void* stream, void (*run)(const void*), const void* data, std::size_t size) {
  Work work = {run, {}};
  if (size > sizeof work.data) {
    return kInvalidValue;
  }
  std::memcpy(work.data, data, size);
  if (recording(stream)) {
    stream_of(stream).recording.push_back(work);
  } else {
    run(work.data);
  }
  return kOk;
}

void fake_put_off(void* stream, void (*run)(const void*), const void* data, std::size_t size) {
  Work work = {run, {}};
  std::memcpy(work.data, data, size);
  stream_of(stream).put_off.push_back(work);
}

int cuStreamCreate(void** stream, unsigned) {
  *stream = new FakeStream;
  return depth > 0 ? kOk : kInvalidValue;
}

int cuStreamDestroy_v2(void* stream) {
  delete static_cast<FakeStream*>(stream);
  return depth > 0 ? kOk : kInvalidValue;
}

int cuStreamSynchronize(void* stream) {
  if (recording(stream)) {
    return kNotSupported;
  }
  finish(stream_of(stream));
  return kOk;
}

int cuEventCreate(void** event, unsigned) {
  *event = new FakeEvent;
  return depth > 0 ? kOk : kInvalidValue;
}

int cuEventDestroy_v2(void* event) {
  delete static_cast<FakeEvent*>(event);
  return depth > 0 ? kOk : kInvalidValue;
}

int cuEventRecord(void* event, void* stream) {
  static_cast<FakeEvent*>(event)->stream = &stream_of(stream);
  return depth > 0 && !fails("cuEventRecord") ? kOk : kInvalidValue;
}

int cuEventSynchronize(void* event) {
  finish(*static_cast<FakeEvent*>(event)->stream);
  return kOk;
}

int cuEventElapsedTime_v2(float* milliseconds, void*, void*) {
  *milliseconds = 1;
  return kOk;
}

int cuStreamWaitEvent(void*, void* event, unsigned) {
  FakeStream* const stream = static_cast<FakeEvent*>(event)->stream;
  if (stream == nullptr) {
    return kInvalidValue;
  }
  finish(*stream);
  return kOk;
}

int cuStreamBeginCapture_v2(void* stream, int) {
  if (stream == nullptr || fails("cuStreamBeginCapture_v2")) {
    return kNotSupported;  // the default stream cannot be recorded
  }
  stream_of(stream).recorded = true;
  return kOk;
}

int cuStreamEndCapture(void* stream, void** graph) {
  FakeStream& self = stream_of(stream);
  if (!self.recorded) {
    return kInvalidValue;
  }
  self.recorded = false;
  *graph = new std::vector<Work>(std::move(self.recording));
  self.recording.clear();
  return kOk;
}

int cuGraphInstantiateWithFlags(void** recorded, void* graph, unsigned long long) {
  if (fails("cuGraphInstantiateWithFlags")) {
    return kNotSupported;
  }
  *recorded = new std::vector<Work>(*static_cast<std::vector<Work>*>(graph));
  return kOk;
}

int cuGraphDestroy(void* graph) {
  delete static_cast<std::vector<Work>*>(graph);
  return kOk;
}

int cuGraphLaunch(void* recorded, void* stream) {
  if (depth == 0 || recording(stream)) {
    return kInvalidValue;
  }
  run_all(*static_cast<std::vector<Work>*>(recorded));
  return kOk;
}

int cuGraphExecDestroy(void* recorded) {
  delete static_cast<std::vector<Work>*>(recorded);
  return depth > 0 ? kOk : kInvalidValue;
}
}
