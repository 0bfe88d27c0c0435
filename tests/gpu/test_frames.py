"""Frames on a real GPU through the SDK. The network is a copy, so TensorRT is not needed; with ONNX
Runtime it is the packaged one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tpgan_sdk import BackendError, Detection, Frontalizer, ImageError
from tpgan_sdk.backends import create_backend, onnx_runtime
from tpgan_sdk.backends.onnx_runtime_cuda import OnnxRuntimeCudaBackend
from tpgan_sdk.backends.tensorrt.backend import SharedEngine, TensorRTBackend
from tpgan_sdk.backends.tensorrt.runtime import Tensor
from tpgan_sdk.gpu import kernels as native
from tpgan_sdk.gpu.cuda import Device, Gpu
from tpgan_sdk.gpu.frames import GpuFrame, frame_of
from tpgan_sdk.images.resample import Float32Array, UInt8Array
from tpgan_sdk.models.inputs import INPUT_SHAPES
from tpgan_sdk.pipeline import gpu_pipeline

from ..native.fake_engine import DEFAULTS, INFO
from ..native.frames import assert_same, found, soft_photo
from .conftest import MODEL, memory_used
from .test_native import built

pytestmark = pytest.mark.gpu


class CopyContext:
    """`trt_engine.Context` of a network that gives back the face."""

    missing = False

    def __init__(self, device: Device) -> None:
        self._device = device

    def bind(self, addresses: dict[str, int]) -> None:
        self._addresses = addresses

    def enqueue(self, rows: int, stream: int) -> None:
        size = rows * 3 * 128 * 128 * 4
        with self._device.active() as driver:
            # On the legacy default stream, which waits for the backend's and is waited for by it.
            driver.memcpy_dtod(self._addresses["frontal"], self._addresses["face"], size)

    def close(self) -> None:
        pass


class CopyEngine:
    """`trt_engine.Engine`."""

    batch = (1, 2, 4)

    def __init__(self, device: Device) -> None:
        self._device = device
        self.tensors = [Tensor(name, True, tuple(shape)) for name, shape in INPUT_SHAPES.items()]
        self.tensors.append(Tensor("frontal", False, (3, 128, 128)))

    def context(self) -> CopyContext:
        return CopyContext(self._device)

    def close(self) -> None:
        pass


class Copy:
    """The same network on the host."""

    info = INFO

    def run(self, inputs: Mapping[str, Float32Array]) -> Float32Array:
        return inputs["face"]

    def clone(self) -> Copy:
        return self

    def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def kernels_folder(gpu: Gpu, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pycuda", reason="pip install 'tpgan-sdk[tensorrt]'")
    if not isinstance(native.find_kernels(), str):
        return native.FOLDER
    return built("desktop", tmp_path_factory.mktemp("frames"), gpu).parent / "kernels"


def opened(**options: Any) -> Frontalizer:
    device = Device()
    shared = SharedEngine(device, CopyEngine(device))  # type: ignore[arg-type]
    return Frontalizer(backend=TensorRTBackend(shared, INFO), **{**DEFAULTS, **options})


@pytest.fixture
def on_gpu(kernels_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Frontalizer]:
    find = native.open_kernels
    monkeypatch.setattr(gpu_pipeline, "open_kernels", lambda device: find(device, kernels_folder))
    with opened() as frontalizer:
        assert not isinstance(frontalizer._runner._gpu, str), frontalizer._runner._gpu
        yield frontalizer


@pytest.fixture
def torch() -> Any:
    module = pytest.importorskip("torch")
    if not module.cuda.is_available():
        pytest.skip("this torch has no CUDA")
    return module


def faces_on_host(photo: UInt8Array, faces: list[Detection]) -> list[Any]:
    with Frontalizer(backend=Copy(), **DEFAULTS) as frontalizer:
        return frontalizer.frontalize(photo, faces)


def test_frames_of_the_host(on_gpu: Frontalizer, rng: np.random.Generator) -> None:
    for width in (300, 640, 300):
        photo, faces = soft_photo(rng, width), found(rng, 7)
        assert_same(on_gpu.frontalize(photo, faces), faces_on_host(photo, faces))


def test_tensors_of_torch(on_gpu: Frontalizer, torch: Any, rng: np.random.Generator) -> None:
    photo, faces = soft_photo(rng), found(rng, 7)
    tensor = torch.from_numpy(photo).cuda()
    assert_same(on_gpu.frontalize(tensor, faces), faces_on_host(photo, faces))
    flipped = frame_of(torch.from_numpy(np.ascontiguousarray(photo[..., ::-1])).cuda(), "rgb")
    assert_same(on_gpu.frontalize(flipped, faces), faces_on_host(photo, faces))
    np.testing.assert_array_equal(tensor.cpu().numpy(), photo)


def test_what_another_stream_is_still_writing(
    on_gpu: Frontalizer, torch: Any, rng: np.random.Generator
) -> None:
    photo, faces = soft_photo(rng), found(rng)
    expected = faces_on_host(photo, faces)
    source, stream = torch.from_numpy(photo).cuda(), torch.cuda.Stream()
    for by_pointer in (False, True):
        tensor = torch.zeros_like(source)
        torch.cuda.synchronize()
        with torch.cuda.stream(stream):
            torch.cuda._sleep(200_000_000)  # about 0.1 s
            tensor.copy_(source)
            given: Any = tensor
            if by_pointer:
                size = (tensor.data_ptr(), 300, 240, 900)
                given = GpuFrame(*size, stream=stream.cuda_stream)
            assert_same(on_gpu.frontalize(given, faces), expected)


def test_pasting(on_gpu: Frontalizer, torch: Any, rng: np.random.Generator) -> None:
    photo, faces = soft_photo(rng), found(rng)
    tensor = torch.from_numpy(photo).cuda()
    made = on_gpu.frontalize(tensor, faces)
    on_gpu.paste_into(tensor, made)
    expected = photo.copy()
    on_gpu.paste_into(expected, made)
    assert np.abs(tensor.cpu().numpy().astype(int) - expected).max() <= 2


def test_memory_of_the_cpu_is_refused(on_gpu: Frontalizer, rng: np.random.Generator) -> None:
    photo = soft_photo(rng)
    frame = GpuFrame(photo.ctypes.data, 300, 240, 900)
    with pytest.raises(ImageError, match=r"is no memory that .* holds"):
        on_gpu.frontalize(frame, found(rng))


def test_onnx_runtime_between_buffers(
    kernels_folder: Path, torch: Any, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    find, kernels = native.open_kernels, native.find_kernels(kernels_folder)
    monkeypatch.setattr(onnx_runtime, "find_kernels", lambda: kernels)
    monkeypatch.setattr(gpu_pipeline, "open_kernels", lambda device: find(device, kernels_folder))
    try:
        backend = create_backend(MODEL, "onnxruntime-cuda")
    except BackendError as error:
        pytest.skip(str(error))
    assert isinstance(backend, OnnxRuntimeCudaBackend)
    photo, faces = soft_photo(rng, 640), found(rng, 20)  # more than its buffers hold
    with Frontalizer(backend="onnxruntime-cpu", **DEFAULTS) as on_host:
        expected = on_host.frontalize(photo, faces)
    with Frontalizer(backend=backend, **DEFAULTS) as on_gpu, on_gpu.clone() as other:
        assert not isinstance(on_gpu._runner._gpu, str), on_gpu._runner._gpu
        for frontalizer, picture in ((on_gpu, photo), (other, torch.from_numpy(photo).cuda())):
            for face, wanted in zip(frontalizer.frontalize(picture, faces), expected, strict=True):
                assert np.abs(face.aligned.astype(int) - wanted.aligned).max() <= 1
                # The provider computes in TF32 where the GPU has it.
                assert np.abs(face.image.astype(int) - wanted.image).mean() < 0.5


@pytest.mark.slow
def test_no_leak(on_gpu: Frontalizer, rng: np.random.Generator) -> None:
    photo, faces, used = soft_photo(rng, 1920, 1080), found(rng), 0
    for turn in range(200):
        with opened() as frontalizer:
            frontalizer.frontalize(photo, faces)
        if turn == 20:
            used = memory_used()
    assert memory_used() - used < 64
