"""Frames on the GPU through the whole SDK, on a driver that runs the kernels' source on the CPU:
the pictures are those of the CPU's own path. What no CPU can show, races and a real driver's
refusals, is not shown here."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tpgan_sdk import BackendError, Frontalizer, ImageError
from tpgan_sdk.backends.tensorrt.backend import SharedEngine, TensorRTBackend
from tpgan_sdk.backends.tensorrt.runtime import Tensor
from tpgan_sdk.faces.pasting import paste_back
from tpgan_sdk.gpu.frames import YUV, GpuFrame, is_on_gpu
from tpgan_sdk.gpu.transfers import bgr_of
from tpgan_sdk.models.inputs import INPUT_SHAPES
from tpgan_sdk.models.model import resolve_model
from tpgan_sdk.pipeline import gpu_pipeline

from .conftest import FakeDevice, FakeStream, open_fake_kernels
from .fake_engine import FIVE, INFO, FakeEngine, by_onnx_runtime, network, on_host, opened
from .frames import Detector, Picture, assert_same, found, soft_photo
from .oracle import rgb_from_nv12

FORMATS = ("bgr", "rgb", "bgra", "nv12")

Open = Callable[..., Frontalizer]
both_backends = pytest.mark.parametrize("open_gpu", [opened, by_onnx_runtime])


@pytest.fixture
def with_kernels(
    fake_device: FakeDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Whatever a test does, all memory is freed at its end."""
    monkeypatch.setattr(
        gpu_pipeline, "open_kernels", lambda device: open_fake_kernels(device, tmp_path)
    )
    yield
    assert fake_device.live == []


@both_backends
@pytest.mark.parametrize("model", ["edge", FIVE], ids=["edge", "five"])
@pytest.mark.parametrize("format", FORMATS)
def test_a_frame_on_the_gpu_gives_the_faces_of_the_cpu(
    format: str,
    model: Any,
    open_gpu: Open,
    with_kernels: None,
    fake_device: FakeDevice,
    rng: np.random.Generator,
) -> None:
    picture = Picture(soft_photo(rng, 301, 240), format)
    faces = found(rng, 7)
    before = picture.memory.copy()
    with open_gpu(fake_device, model=model) as gpu, on_host(model=model) as host:
        made = gpu.frontalize(picture.frame, faces)
        assert_same(made, host.frontalize(picture.bgr, faces))
    assert {face.mirrored for face in made} == {True, False}
    np.testing.assert_array_equal(picture.memory, before)


@both_backends
def test_only_pictures_of_128_px_are_copied(
    open_gpu: Open, with_kernels: None, fake_device: FakeDevice, rng: np.random.Generator
) -> None:
    picture = Picture(soft_photo(rng), "bgr")
    with open_gpu(fake_device) as gpu:
        fake_device.copied.clear()
        gpu.frontalize(picture.frame, found(rng, 7))
    assert fake_device.copied == [2 * 4 * 128 * 128 * 3, 2 * 3 * 128 * 128 * 3]


@both_backends
def test_a_frame_of_the_host_is_uploaded_once(
    open_gpu: Open, with_kernels: None, fake_device: FakeDevice, rng: np.random.Generator
) -> None:
    faces = found(rng, 9)
    with open_gpu(fake_device, max_batch=4) as gpu, on_host() as host:
        for _ in range(3):
            photo = soft_photo(rng)
            fake_device.copied.clear()
            assert_same(gpu.frontalize(photo, faces), host.frontalize(photo, faces))
            assert fake_device.copied.count(photo.nbytes) == 1
            memory = len(fake_device.live)
        larger = soft_photo(rng, 400, 320)
        assert_same(gpu.frontalize(larger, faces), host.frontalize(larger, faces))
        assert len(fake_device.live) == memory  # one frame's, used again or exchanged
        fake_device.copied.clear()
        assert gpu.frontalize(larger, []) == []
        assert fake_device.copied == []


@both_backends
def test_faces_of_several_pictures_share_batches(
    open_gpu: Open, with_kernels: None, fake_device: FakeDevice, rng: np.random.Generator
) -> None:
    photos = [soft_photo(rng) for _ in range(5)]
    options: dict[str, Any] = {"detector": Detector(found(rng, 3)), "max_batch": 4}
    with open_gpu(fake_device, **options) as gpu, on_host(**options) as host:
        fake_device.launches.clear()
        made, expected = gpu.frontalize_batch(photos), host.frontalize_batch(photos)
    for one, other in zip(made, expected, strict=True):
        assert_same(one, other)
    grids = [grid for name, grid in fake_device.launches if name == "tpgan_align_fp32"]
    assert [faces for _, faces in grids] == [4, 4, 4, 3]


def test_batches_below_the_smallest_and_clones(
    with_kernels: None, fake_device: FakeDevice, rng: np.random.Generator
) -> None:
    photo, faces = soft_photo(rng), found(rng, 1)
    with opened(fake_device, (3, 3, 4)) as gpu, gpu.clone() as other, on_host() as host:
        expected = host.frontalize(photo, faces)
        assert_same(gpu.frontalize(photo, faces), expected)
        assert_same(other.frontalize(photo, faces), expected)


def test_clones_of_onnx_runtime_open_a_session_each(
    with_kernels: None, fake_device: FakeDevice, rng: np.random.Generator
) -> None:
    photo, faces = soft_photo(rng), found(rng, 5)
    with by_onnx_runtime(fake_device, rows=2) as gpu, on_host() as host:
        expected = host.frontalize(photo, faces)
        session = weakref.ref(gpu._backend._session)  # type: ignore[attr-defined]
        with gpu.clone() as other:
            device: Any = other._backend._device  # type: ignore[attr-defined]
            assert_same(other.frontalize(photo, faces), expected)
            assert device.launches
        assert device.closed
        assert device.live == []
        assert_same(gpu.frontalize(photo, faces), expected)
    assert session() is None


@pytest.mark.parametrize("format", FORMATS)
def test_without_faces_the_frame_is_downloaded_for_the_detector(
    format: str, with_kernels: None, fake_device: FakeDevice, rng: np.random.Generator
) -> None:
    picture = Picture(soft_photo(rng, 301, 240), format, "bt709-full")
    detector = Detector(found(rng))
    with opened(fake_device, detector=detector) as gpu:
        fake_device.copied.clear()
        made = gpu.frontalize(picture.frame)
        assert_same(made, gpu.frontalize(picture.frame, detector.faces))
        gpu.detect(picture.frame)
    assert len(detector.seen) == 2
    for seen in detector.seen:
        np.testing.assert_array_equal(seen, picture.bgr)


@pytest.mark.parametrize("yuv", YUV)
def test_nv12_on_the_host_is_the_kernels(yuv: str, rng: np.random.Generator) -> None:
    luma = rng.integers(0, 256, (33, 41), np.uint8)
    pairs = rng.integers(0, 256, (17, 21, 2), np.uint8)
    expected = rgb_from_nv12(luma, pairs, yuv.upper().replace("-", "_"))[..., ::-1]
    np.testing.assert_array_equal(bgr_of("nv12", yuv, luma, pairs.reshape(17, 42)), expected)


class ByInterface:
    """As Numba and CuPy describe an array."""

    def __init__(self, picture: Picture, stream: int | None) -> None:
        frame = picture.frame
        self.picture = picture
        self.__cuda_array_interface__ = {
            "shape": (frame.height, frame.width, 3),
            "strides": (frame.pitch, 3, 1),
            "typestr": "|u1",
            "data": (frame.pointer, False),
            "stream": stream,
            "version": 3,
        }


def test_what_is_on_the_gpu(rng: np.random.Generator) -> None:
    picture = Picture(soft_photo(rng), "bgr")
    assert is_on_gpu(picture.frame)
    assert is_on_gpu(ByInterface(picture, None))
    assert is_on_gpu(picture.bgr.__dlpack__())  # a capsule tells it only when it is opened
    for other in (picture.bgr, "photo.png", [1, 2], None):
        assert not is_on_gpu(other)


def test_a_tensor_of_the_cpu_is_no_frame_on_the_gpu(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    with on_host() as host, pytest.raises(ImageError, match=r"the image is a Tensor; expected \(H"):
        host.frontalize(torch.from_numpy(soft_photo(rng)), [])


def filled_later(device: FakeDevice, picture: Picture, stream: int) -> None:
    """The picture's pixels are work on a stream, not done yet."""
    pixels = picture.memory.copy()
    picture.memory[:] = 0
    device.pending[stream] = [lambda: picture.memory.__setitem__(..., pixels)]


@pytest.mark.parametrize("stream", [1, 2, 0x77])
@pytest.mark.parametrize("by_interface", [True, False])
def test_a_frames_stream_is_waited_for(
    by_interface: bool,
    stream: int,
    with_kernels: None,
    fake_device: FakeDevice,
    rng: np.random.Generator,
) -> None:
    picture, faces = Picture(soft_photo(rng), "bgr"), found(rng)
    frame = picture.frame
    with opened(fake_device) as gpu, on_host() as host:
        filled_later(fake_device, picture, stream)
        size = (frame.pointer, frame.width, frame.height, frame.pitch)
        given = ByInterface(picture, stream) if by_interface else GpuFrame(*size, stream=stream)
        assert_same(gpu.frontalize(given, faces), host.frontalize(picture.bgr, faces))
    assert fake_device.pending == {}


def test_a_dlpack_producer_is_told_the_stream(with_kernels: None, fake_device: FakeDevice) -> None:
    class Tensor:
        told: object = None

        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 0)

        def __dlpack__(self, *, stream: object) -> object:
            self.told = stream
            raise BufferError("not today")

    tensor = Tensor()
    with opened(fake_device) as gpu, pytest.raises(ImageError, match="does not hand it out"):
        gpu.frontalize(tensor, [])
    assert tensor.told == FakeStream.handle


def test_a_backend_of_the_cpu_makes_its_crops_there() -> None:
    with on_host() as host:
        assert host._runner._gpu == "this backend takes its inputs from the CPU"


def test_frames_that_are_refused(
    with_kernels: None, fake_device: FakeDevice, rng: np.random.Generator
) -> None:
    picture, faces = Picture(soft_photo(rng), "bgr"), found(rng)
    with opened(fake_device) as gpu:
        elsewhere = GpuFrame(picture.frame.pointer, 300, 240, 920, device=3)
        with pytest.raises(ImageError, match="lies on cuda:3, the network on cuda:0"):
            gpu.frontalize(elsewhere, faces)
        fake_device.foreign.add(picture.frame.pointer)
        with pytest.raises(ImageError, match="is no memory that Orin holds: it is of the CPU or"):
            gpu.frontalize(picture.frame, faces)
        planes = Picture(soft_photo(rng), "nv12")
        fake_device.foreign.add(planes.frame.chroma)
        with pytest.raises(ImageError, match="is no memory that Orin holds"):
            gpu.frontalize(planes.frame, faces)
        fake_device.foreign.clear()
        assert len(gpu.frontalize(picture.frame, faces)) == 3  # it goes on
    with pytest.raises(BackendError, match="this Frontalizer is closed; make a new one"):
        gpu.frontalize(picture.frame, faces)


@pytest.mark.parametrize("format", ["bgr", "rgb", "bgra"])
def test_faces_are_pasted_into_the_frame_on_the_gpu(
    format: str, with_kernels: None, fake_device: FakeDevice, rng: np.random.Generator
) -> None:
    photo = soft_photo(rng)
    picture, faces = Picture(photo, format), found(rng)
    with opened(fake_device) as gpu, on_host() as host:
        made = gpu.frontalize(picture.frame, faces)
        fake_device.copied.clear()
        gpu.paste_into(picture.frame, made)
        assert fake_device.copied == [2 * 128 * 128 * 3] * 3
        expected = photo.copy()
        host.paste_into(expected, made)
    assert (expected != photo).any()
    before = photo
    for face in made:
        before = paste_back(before, face)
    np.testing.assert_array_equal(expected, before)
    order = [0, 1, 2] if format != "rgb" else [2, 1, 0]
    pixels = picture.memory[:, :-20].reshape(240, 300, -1)[..., order]
    # A level for each of the faces that lie over one another.
    assert np.abs(pixels.astype(int) - expected).max() <= 2
    assert (picture.memory[:, -20:] == 77).all()


def test_nv12_cannot_be_pasted_into(
    with_kernels: None, fake_device: FakeDevice, rng: np.random.Generator
) -> None:
    picture = Picture(soft_photo(rng), "nv12")
    with opened(fake_device) as gpu:
        made = gpu.frontalize(picture.frame, found(rng))
        with pytest.raises(ImageError, match="an NV12 frame cannot be written"):
            gpu.paste_into(picture.frame, made)


@pytest.mark.parametrize("format", FORMATS)
def test_without_kernels_the_cpu_does_the_same(
    format: str,
    fake_device: FakeDevice,
    monkeypatch: pytest.MonkeyPatch,
    rng: np.random.Generator,
) -> None:
    picture, faces = Picture(soft_photo(rng), format), found(rng)
    other = FakeDevice(fake_device._library)
    monkeypatch.setattr(gpu_pipeline, "open_kernels", lambda device: "no compiled kernels here")
    monkeypatch.setattr(gpu_pipeline, "Device", lambda index: other)
    filled_later(other, picture, 5)
    frame = picture.frame
    given = GpuFrame(
        *(frame.pointer, frame.width, frame.height, frame.pitch, frame.format),
        *(frame.chroma, frame.yuv, None, 5),
    )
    with opened(fake_device) as gpu, on_host() as host:
        expected = host.frontalize(picture.bgr, faces)
        assert_same(gpu.frontalize(given, faces), expected)
        assert_same(gpu.frontalize(picture.bgr, faces), expected)
        with pytest.raises(BackendError, match="on the GPU: no compiled kernels here; paste them"):
            gpu.paste_into(frame, expected)
    assert fake_device.launches == []
    assert other.closed


def test_kernels_that_the_driver_refuses_are_not_the_end(
    fake_device: FakeDevice,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    rng: np.random.Generator,
) -> None:
    def refused(device: object) -> None:
        raise BackendError("loading the kernels failed: no kernel image")

    monkeypatch.setattr(gpu_pipeline, "open_kernels", refused)
    photo, faces = soft_photo(rng), found(rng)
    with opened(fake_device) as gpu, on_host() as host:
        assert_same(gpu.frontalize(photo, faces), host.frontalize(photo, faces))
    assert "crops are made on the CPU, slower: loading the kernels failed" in caplog.text


def test_an_engine_of_other_inputs_is_left_to_the_cpu(fake_device: FakeDevice) -> None:
    engine = FakeEngine((1, 2, 4))
    engine.tensors[1] = Tensor("left_eye", True, (3, 41, 40))
    shared = SharedEngine(fake_device, engine)  # type: ignore[arg-type]
    with TensorRTBackend(shared, INFO) as backend:
        said = gpu_pipeline.open_pipeline(backend, FIVE)
    assert said == "the engine's inputs are not those of five"


def test_layers_besides_the_picture_are_left_alone(fake_device: FakeDevice) -> None:
    inputs = {
        name: np.random.default_rng(5).uniform(-1, 1, (2, *shape)).astype(np.float32)
        for name, shape in INPUT_SHAPES.items()
    }
    engine = FakeEngine((1, 2, 4))
    engine.tensors.insert(0, Tensor("drawn", False, (3, 128, 128)))
    shared = SharedEngine(fake_device, engine)  # type: ignore[arg-type]
    with TensorRTBackend(shared, INFO) as backend:
        made = backend.run(inputs)
    assert np.ptp(made) > 0.1
    np.testing.assert_array_equal(made, network(inputs))


def test_a_model_of_other_inputs_is_left_to_the_cpu(fake_device: FakeDevice) -> None:
    model = resolve_model("edge")
    other = replace(model, info=replace(model.info, inputs={"face": [3, 161, 161]}))
    shared = SharedEngine(fake_device, FakeEngine((1, 2, 4)))  # type: ignore[arg-type]
    with TensorRTBackend(shared, INFO) as backend:
        said = gpu_pipeline.open_pipeline(backend, other)
    assert said == "the kernels do not make the inputs of edge"


def test_memory_that_is_short_leaves_nothing_behind(
    with_kernels: None, fake_device: FakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocate = fake_device.allocate

    def short(shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
        if np.dtype(dtype) == np.uint8:
            raise BackendError("allocating on the GPU failed: out of memory")
        return allocate(shape, dtype)

    monkeypatch.setattr(fake_device, "allocate", short)
    with opened(fake_device) as gpu:
        assert gpu._runner._gpu == "allocating on the GPU failed: out of memory"
