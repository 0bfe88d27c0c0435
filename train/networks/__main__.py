"""`python -m train.networks`: the presets' sizes as a table."""

from __future__ import annotations

import torch

from . import build
from .flow_spec import EDGE
from .measure import cost, parameters
from .spec import DRAWN, PAPER


def main() -> None:
    print(f"{'preset':8} {'parameters':>12} {'GFLOP/face':>11}")
    for spec in (PAPER, DRAWN, EDGE):
        total = cost(spec)
        print(f"{spec.name:8} {total.parameters:12,} {total.flops / 1e9:11.2f}")
        with torch.device("meta"):
            network = build(spec, 347)
        for name, part in network.named_children():
            print(f"  {name:10} {parameters(part):8,}")


if __name__ == "__main__":
    main()
