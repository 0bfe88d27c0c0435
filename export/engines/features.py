"""What an engine can be beside fast: portable, refittable, without weights, on the DLA."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from tpgan_sdk.errors import ExportError

HARDWARE: Final = {"ampere-plus": "AMPERE_PLUS", "same-capability": "SAME_COMPUTE_CAPABILITY"}
"""As given to --hardware, and TensorRT's HardwareCompatibilityLevel. The first runs on every GPU
from SM 80 on, the second on every model of GPU with the same SM."""
DLA_PRECISIONS: Final = ("fp16", "int8")


@dataclass(frozen=True, slots=True)
class Features:
    """All off by default: each costs speed or size, or needs something that not every one has."""

    version_compatible: bool = False
    """Runs on later versions of TensorRT too; brings its own runtime along."""
    hardware: str | None = None
    """A key of `HARDWARE`; None: the GPU at hand."""
    strip: bool = False
    """Without weights: the SDK puts them in from the ONNX when it loads the engine."""
    refit: bool = False
    """Takes the weights of another ONNX of the same network (--refit-from)."""
    dla: int | None = None
    """Core of the deep-learning accelerator; what it cannot do runs on the GPU."""

    def chosen(self) -> dict[str, Any]:
        """Those that are on, as they stand in a sidecar."""
        off = (None, False)  # by identity: DLA core 0 equals False
        return {k: v for k, v in asdict(self).items() if not any(v is value for value in off)}

    def __str__(self) -> str:
        return ", ".join(
            name.replace("_", "-") if value is True else f"{name} {value}"
            for name, value in self.chosen().items()
        )

    def check(self, runtime: str, precision: str, kind: str | None, cores: int | None) -> None:
        """
        Args:
            kind, cores: the profile's "jetson" or "discrete" and its DLA cores; None: no profile.

        Raises:
            ExportError: features that exclude each other, the runtime or the board.
        """
        if self.hardware is not None and self.hardware not in HARDWARE:
            raise ExportError(f"no hardware {self.hardware!r}; expected {', '.join(HARDWARE)}")
        alien = sorted(self.chosen().keys() & {"version_compatible", "hardware", "dla"})
        if runtime == "rtx" and alien:
            raise ExportError(
                f"TensorRT-RTX has no {' and no '.join(alien)}: its engines take a list of "
                "architectures (--sm) and one version; leave it out, or use --runtime tensorrt"
            )
        if self.version_compatible and (self.strip or self.refit):
            raise ExportError(
                "the runtime inside a version-compatible engine cannot refit; choose either "
                "--version-compatible, or --strip and --refittable"
            )
        if self.hardware is not None and kind == "jetson":
            raise ExportError("TensorRT has no hardware-compatible engines on Jetson; leave it out")
        if self.dla is None:
            return
        if cores is not None and not 0 <= self.dla < cores:
            raise ExportError(f"no DLA core {self.dla} on this board; its DLA cores: {cores}")
        if precision not in DLA_PRECISIONS:
            raise ExportError(
                f"the DLA does not compute in {precision}; expected {', '.join(DLA_PRECISIONS)}"
            )


NO_FEATURES: Final = Features()
