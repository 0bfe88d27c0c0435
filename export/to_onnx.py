"""`python -m export.to_onnx`: a checkpoint to an ONNX that the SDK and engines take.

From a checkpoint (needs torch) or, for another precision of the same weights, from an ONNX that
this command wrote (`--onnx`, no torch).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tpgan_sdk.backends import parity
from tpgan_sdk.errors import TPGANError
from tpgan_sdk.models.model import ModelInfo, sidecar_path

from .precisions.conversion import convert_onnx, export_checkpoint, write_model
from .precisions.half import PRECISIONS

__all__ = ["convert_onnx", "export_checkpoint", "main", "parser", "write_model"]


def _report(info: ModelInfo, output: Path) -> None:
    size = output.stat().st_size / 1e6
    print(f"{output} ({size:.1f} MB, {info.precision}, opset {info.opset}), {sidecar_path(output)}")
    for name, figures in info.parity.items():
        print(
            f"  {name}: max {figures['max']:.2e}, mean {figures['mean']:.2e} "
            f"({figures['mean_levels']:.3f} levels), cosine {figures['cosine']:.6f}, "
            f"{figures['faces']} faces"
        )


_CHANNELS = "with --checkpoint: widen inner channels to multiples of N by zeros; 8 suits `paper`"
_WINOGRAD = "with --checkpoint, fp32: large convolutions with fewer products; `paper` on CPUs"


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = argparse.ArgumentParser(prog="python -m export.to_onnx", description=__doc__)
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", type=Path, help="directory that `python -m train` wrote")
    source.add_argument("--onnx", type=Path, help="an exported ONNX, for another precision")
    p.add_argument("--output", type=Path, required=True, help="the .onnx to write")
    p.add_argument("--precision", choices=PRECISIONS, default="fp16-weights")
    p.add_argument("--channels", type=int, default=1, metavar="N", help=_CHANNELS)
    p.add_argument("--winograd", action="store_true", help=_WINOGRAD)
    p.add_argument("--faces", type=Path, default=parity.FACES, help="aligned faces for the check")
    p.add_argument("--name", help="the model's name in its sidecar; default: the file's")
    return p


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    if args.output.suffix != ".onnx":
        print(f"export: --output {args.output} must end in .onnx", file=sys.stderr)
        return 2
    if args.channels < 1 or (args.onnx and args.channels > 1):
        print(
            f"export: --channels {args.channels}; expected 1 or more, and --checkpoint",
            file=sys.stderr,
        )
        return 2
    if args.winograd and (args.onnx or args.precision != "fp32"):
        print("export: --winograd; expected --checkpoint and --precision fp32", file=sys.stderr)
        return 2
    try:
        if args.onnx:
            info = convert_onnx(args.onnx, args.output, args.precision, args.faces, args.name)
        else:
            info = export_checkpoint(
                args.checkpoint,
                args.output,
                args.precision,
                args.faces,
                args.name,
                args.channels,
                args.winograd,
            )
    except TPGANError as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    _report(info, args.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
