"""The compiled kernels: found, checked, loaded through `tpgan_sdk.gpu.cuda`, and launched.

CMake writes `tpgan_kernels.fatbin` and its sidecar into the package (docs/native.md). Where they
are missing, `crops` and `pasting` do the same work on the CPU with the same result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import BackendError
from ..geometry import PATCHES, FloatArray
from ..models.model import sha256_of
from .arguments import FaceOnGpu, align_plan, finish_plan, paste_plan
from .cuda import CudaDriver, Device, Gpu, find_driver
from .frames import GpuFrame

FOLDER: Final = Path(__file__).parent.parent / "kernels"
"""Where CMake writes the kernels."""
NAME: Final = "tpgan_kernels"
FORMAT, INTERFACE = 1, 2
"""Version of the sidecar, and of the kernels' names and arguments."""
BUILD_LINE: Final = "cmake --preset desktop && cmake --build --preset desktop"
_KERNELS: Final = ("align_fp32", "align_fp16", "finish_fp32", "finish_fp16", "match", "paste")
_PIXELS_OF_PATCHES: Final = sum(patch.width * patch.height for patch in PATCHES)
"""Of a face, for a model that takes them."""


@dataclass(frozen=True, slots=True)
class KernelsInfo:
    """The sidecar of the fatbin."""

    format: int
    interface: int
    version: str
    """Of the SDK that built it."""
    sha256: str
    cuda: str
    """Toolkit that built it, "major.minor"."""
    sm: list[int]
    """Compute capabilities times ten that it holds code for."""
    ptx: int
    """What newer GPUs compile it from."""
    exact: bool
    """Built without fused multiply-add."""


def find_kernels(folder: Path = FOLDER) -> KernelsInfo | str:
    """What the fatbin of a folder is, or in one sentence why it cannot be used."""
    fatbin, sidecar = folder / f"{NAME}.fatbin", folder / f"{NAME}.json"
    if not fatbin.is_file() or not sidecar.is_file():
        return f"no compiled kernels in {folder}: build them with `{BUILD_LINE}`"
    try:
        values = json.loads(sidecar.read_text())
        if (values["format"], values["interface"]) != (FORMAT, INTERFACE):
            return f"{fatbin} is of another version of this SDK: build it again"
        info = KernelsInfo(**{entry.name: values[entry.name] for entry in fields(KernelsInfo)})
        _version(info.cuda)
    except (ValueError, TypeError, KeyError) as error:
        return f"{sidecar} is not the sidecar of kernels ({error!r}): build them again"
    if sha256_of(fatbin) != info.sha256:
        return f"{fatbin} is not the file that {sidecar.name} describes: build it again"
    return info


def why_incompatible_kernels(info: KernelsInfo, driver: CudaDriver, gpu: Gpu) -> str | None:
    """In one sentence why this driver or GPU cannot run the kernels; None: it can.

    Machine code runs on GPUs of the same major capability from its own minor on, under drivers
    of the toolkit's major version; PTX runs on newer GPUs, under drivers as new as the toolkit.
    """
    toolkit = _version(info.cuda)
    shown = f"{driver.version[0]}.{driver.version[1]}"
    if driver.version[0] < toolkit[0]:
        return (
            f"the kernels were built with CUDA {info.cuda}, the driver runs up to {shown}: update "
            f"the driver, or build them with CUDA {driver.version[0]}: {BUILD_LINE}"
        )
    if any(sm // 10 == gpu.sm // 10 and sm <= gpu.sm for sm in info.sm):
        return None
    if gpu.sm < info.ptx:
        built = ", ".join(map(str, info.sm))
        return (
            f"the kernels hold code for SM {built} and PTX {info.ptx}, {gpu.name} is SM {gpu.sm}: "
            f"build them for it with -DTPGAN_SM={gpu.sm}"
        )
    if driver.version < toolkit:
        return (
            f"{gpu.name} needs the kernels' PTX, which CUDA {info.cuda} wrote and the driver, up "
            f"to {shown}, cannot compile: update the driver, or build with -DTPGAN_SM={gpu.sm}"
        )
    return None


def open_kernels(device: Device, folder: Path = FOLDER) -> Kernels | str:
    """The kernels on a device, or in one sentence why they cannot be used there: then `crops` and
    `pasting` do the same on the CPU.

    Raises:
        BackendError: the driver refuses kernels that should run.
    """
    info, driver = find_kernels(folder), find_driver()
    if isinstance(info, str):
        return info
    if isinstance(driver, str):
        return driver
    return why_incompatible_kernels(info, driver, device.gpu) or Kernels(device, folder)


class Kernels:
    """The loaded kernels. Calls are put on a stream and do not wait for it.

    All arguments are addresses on the device; nothing is copied or allocated. Close it before the
    device.
    """

    def __init__(self, device: Device, folder: Path = FOLDER) -> None:
        self._device = device
        code = (folder / f"{NAME}.fatbin").read_bytes()
        with device.active("loading the kernels") as driver:
            self._module: Any = driver.module_from_buffer(code)
            self._functions = {
                name: self._module.get_function(f"tpgan_{name}") for name in _KERNELS
            }

    def align(
        self,
        faces: Sequence[FaceOnGpu],
        tensors: Mapping[str, int],
        stream: Any,
        half: bool = False,
        margin: int = 0,
    ) -> None:
        """Cuts the network's inputs of up to 32 faces; see `align_plan`.

        Args:
            half: the tensors are FP16, not FP32.
        """
        plan = align_plan(faces, tensors, margin)
        patches = _PIXELS_OF_PATCHES if len(tensors) > 1 else 0
        grid = (-(-(int(plan["face_size"]) ** 2 + patches) // 256), len(faces))
        self._launch("align_fp16" if half else "align_fp32", plan, grid, (256, 1, 1), stream)

    def finish(
        self,
        output: int,
        pictures: Sequence[GpuFrame],
        mirrored: Sequence[bool],
        stream: Any,
        half: bool = False,
        margin: int = 0,
    ) -> None:
        """The network's output as uint8 pictures; see `finish_plan`."""
        plan = finish_plan(output, pictures, mirrored, margin)
        grid = (64, len(pictures))
        self._launch("finish_fp16" if half else "finish_fp32", plan, grid, (256, 1, 1), stream)

    def paste(
        self,
        frame: GpuFrame,
        front: GpuFrame,
        aligned: GpuFrame,
        transform: FloatArray,
        shift: int,
        stream: Any,
    ) -> None:
        """Puts a frontal face back into its frame, in place; see `pasting.paste_back`.

        Args:
            transform: (2, 3), frame to crop, neither mirrored.
            shift: address of 12 bytes of scratch memory.
        """
        plan = paste_plan(frame, front, aligned, transform)
        width, height = int(plan["right"] - plan["left"]), int(plan["bottom"] - plan["top"])
        if width <= 0 or height <= 0:
            return
        self._launch("match", plan, (1, 1), (256, 1, 1), stream, shift)
        grid = (-(-width // 32), -(-height // 8))
        self._launch("paste", plan, grid, (32, 8, 1), stream, shift)

    def close(self) -> None:
        """Unloads the kernels. Again: nothing happens."""
        if self._module is not None:
            with self._device.active("unloading the kernels"):
                self._functions, self._module = {}, None

    def _launch(
        self,
        name: str,
        plan: npt.NDArray[Any],
        grid: tuple[int, int],
        block: tuple[int, int, int],
        stream: Any,
        *pointers: int,
    ) -> None:
        if self._module is None:
            raise BackendError("these kernels are closed; open them again")
        # As bytes the plan goes by value, as the kernel takes it.
        arguments = [np.void(plan.tobytes()), *(np.uintp(pointer) for pointer in pointers)]
        with self._device.active(f"launching tpgan_{name}"):
            self._functions[name](*arguments, grid=grid, block=block, stream=stream)


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)
