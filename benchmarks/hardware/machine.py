"""What a measurement ran on: processor, memory, GPU, clocks, power mode, versions."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from tpgan_sdk.gpu.cuda import CudaDriver, Gpu, find_driver, find_gpu
from tpgan_sdk.system.cores import usable_cores

from . import tegra

PACKAGES: Final = (
    *("numpy", "opencv-python", "torch", "onnx", "onnxruntime", "onnxruntime-gpu", "openvino"),
    *("tensorrt", "tensorrt-cu12", "tensorrt-cu13", "tensorrt-rtx", "pycuda", "cuda-bindings"),
    *("yuface", "insightface"),
)
# What decides how fast a CPU multiplies.
_VECTORS: Final = (
    *("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8"),
    *("asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve"),
)
_MODEL_NAMES: Final = ("model name", "Model", "Hardware")


@dataclass(frozen=True, slots=True)
class Machine:
    """No names of hosts, users or folders: the file is published."""

    system: str
    """Kernel's name and architecture, then the distribution."""
    python: str
    cpu: str
    """The processor's own name."""
    cores: int
    """That this process may use."""
    cpu_features: Sequence[str]
    """Vector instructions, of those that matter here."""
    cpu_governor: str | None
    """None where the system does not tell, as in most virtual machines."""
    cpu_max_mhz: float | None
    memory_mb: int
    load: float
    """Processes that ran or waited, mean of the minute before the measurement."""
    board: str | None
    """A Jetson's or other board's name from its device tree."""
    power_mode: str | None
    """`nvpmodel`'s, on a Jetson."""
    gpu: dict[str, Any] | None
    """Name, SM, bytes of memory and CUDA of the driver, and what `nvidia-smi` adds."""
    packages: dict[str, str]
    """Versions by distribution."""
    jetson: dict[str, Any] | None = None
    """Release and the GPU's clock, on a Jetson."""

    @property
    def label(self) -> str:
        """For file names and table heads: the board, the GPU, or the CPU with its cores."""
        name = self.board or (self.gpu or {}).get("name") or f"{self.cpu} {self.cores} cores"
        return re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-")


def describe() -> Machine:
    """This machine, as it is now. Never raises: what cannot be told is None."""
    cpu_info = _text("/proc/cpuinfo")
    mode = tegra.parse_power_mode(command_output("nvpmodel", "-q"))
    return Machine(
        system=f"{platform.system()} {platform.machine()}, {_distribution()}",
        python=platform.python_version(),
        cpu=cpu_name(cpu_info),
        cores=usable_cores(),
        cpu_features=cpu_features(cpu_info),
        cpu_governor=_text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or None,
        cpu_max_mhz=_max_mhz(),
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        load=round(os.getloadavg()[0], 2),
        board=_text("/proc/device-tree/model").rstrip("\0") or None,
        power_mode=None if mode is None else mode.name,
        gpu=_gpu(),
        packages={name: version for name in PACKAGES if (version := _version(name))},
        jetson=tegra.facts(),
    )


def cpu_name(cpu_info: str) -> str:
    """From the text of `/proc/cpuinfo`; ARM kernels tell no name there: the architecture."""
    found = _entries(cpu_info)
    return next((found[name] for name in _MODEL_NAMES if name in found), platform.machine())


def cpu_features(cpu_info: str) -> list[str]:
    """The vector instructions that the text of `/proc/cpuinfo` names."""
    entries = _entries(cpu_info)
    flags = set((entries.get("flags") or entries.get("Features") or "").split())
    return [name for name in _VECTORS if name in flags]


def nvidia_smi(told: str) -> dict[str, Any]:
    """Driver, clocks (MHz) and power limit (W) from `nvidia-smi`'s line; None: not told."""
    names = ("driver", "sm_mhz", "sm_max_mhz", "memory_mhz", "power_limit_w")
    values = [value.strip() for value in told.partition("\n")[0].split(",")]
    if len(values) != len(names):
        return {}
    driver, *numbers = values
    return {"driver": driver, **dict(zip(names[1:], map(_number, numbers), strict=True))}


def command_output(*command: str) -> str:
    """What a command prints; nothing where it is missing, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


_SMI_QUERY: Final = "driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.limit"


def _gpu() -> dict[str, Any] | None:
    driver, gpu = find_driver(), find_gpu()
    if not (isinstance(driver, CudaDriver) and isinstance(gpu, Gpu)):
        return None
    told = command_output(
        "nvidia-smi", "-i", "0", f"--query-gpu={_SMI_QUERY}", "--format=csv,noheader,nounits"
    )
    cuda = ".".join(map(str, driver.version))
    return {**asdict(gpu), "count": driver.devices, "cuda": cuda, **nvidia_smi(told)}


def _entries(cpu_info: str) -> dict[str, str]:
    lines = [line.partition(":") for line in cpu_info.splitlines()]
    return {name.strip(): value.strip() for name, _, value in reversed(lines)}


def _distribution() -> str:
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)', _text("/etc/os-release"), re.MULTILINE)
    return found[1] if found else "unknown distribution"


def _max_mhz() -> float | None:
    khz = _number(_text("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"))
    return None if khz is None else khz / 1e3


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
