"""A figure drawn in pixels, for `make_figures.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from tpgan_sdk.geometry import PATCHES, FloatArray
from tpgan_sdk.images.resample import UInt8Array

INK, SOFT, LINE = "#222222", "#8a8a8a", "#555555"
COLOURS = ("#1f77d4", "#12a150", "#f08c00", "#e03150")
"""Of the patches, and of the landmarks that they are cut around."""
OWNER = (0, 1, 2, 3, 3)
"""Patch of each landmark."""


class Canvas:
    """x to the right, y down, pictures one to one."""

    def __init__(self, width: int, height: int) -> None:
        self.figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="white")
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(height, 0))
        self.axes.axis("off")
        self.axes.autoscale(False)

    def picture(self, image: UInt8Array, x: float, y: float, frame: str = "none") -> None:
        """(h, w, 3) BGR with its upper left corner at (x, y)."""
        high, wide = image.shape[:2]
        extent = (x, x + wide, y + high, y)
        self.axes.imshow(image[..., ::-1], extent=extent, interpolation="none", aspect="auto")
        self.box(x, y, wide, high, frame)

    def box(self, x: float, y: float, wide: float, high: float, colour: str) -> None:
        """An outline."""
        self.axes.add_patch(Rectangle((x, y), wide, high, fill=False, ec=colour, lw=1.5))

    def block(self, x: float, y: float, wide: float, high: float, text: str) -> None:
        """A part of the network with its name."""
        style = "round,pad=0,rounding_size=6"
        self.axes.add_patch(FancyBboxPatch((x, y), wide, high, style, fc="#eef2f8", ec=SOFT))
        self.text(x + wide / 2, y + high / 2, text, size=8.5, ha="center", va="center")

    def text(self, x: float, y: float, text: str, size: float = 9, **style: Any) -> None:
        """Text below and right of (x, y), unless `style` says otherwise."""
        self.axes.text(x, y, text, fontsize=size, **{"color": INK, "va": "top", **style})

    def title(self, x: float, y: float, text: str) -> None:
        """Bold text."""
        self.text(x, y, text, fontweight="bold")

    def arrow(self, *points: tuple[float, float], style: str = "-|>") -> None:
        """Straight pieces from point to point, with a head at the last."""
        xs, ys = zip(*points[:-1], strict=True)
        self.axes.plot(xs, ys, color=LINE, lw=1.1)
        head = {"arrowstyle": style, "mutation_scale": 9, "color": LINE, "lw": 1.1}
        arrow = {**head, "shrinkA": 0, "shrinkB": 0}
        self.axes.annotate("", xy=points[-1], xytext=points[-2], arrowprops=arrow)

    def landmarks(self, points: FloatArray, x: float, y: float, scale: float = 1.0) -> None:
        """The five points of a picture whose corner is at (x, y)."""
        places = (np.asarray(points) + 0.5) * scale + (x, y)
        colours = [COLOURS[owner] for owner in OWNER]
        style: dict[str, Any] = {"s": 22, "edgecolors": "white", "linewidths": 0.8, "zorder": 3}
        self.axes.scatter(places[:, 0], places[:, 1], c=colours, **style)

    def patches(self, origins: tuple[tuple[int, int], ...], x: float, y: float) -> None:
        """The four patches of a crop whose corner is at (x, y)."""
        for (left, top), patch, colour in zip(origins, PATCHES, COLOURS, strict=True):
            self.box(x + left, y + top, patch.width, patch.height, colour)

    def save(self, path: Path) -> None:
        """Writes a PNG, or a JPEG where many faces make a PNG large."""
        path.parent.mkdir(parents=True, exist_ok=True)
        FigureCanvasAgg(self.figure)
        if path.suffix == ".png":
            # Without matplotlib's version in the file, equal pictures are equal files.
            self.figure.savefig(path, pil_kwargs={"optimize": True}, metadata={"Software": None})
        else:
            self.figure.savefig(path, pil_kwargs={"quality": 92, "optimize": True})
        print(f"{path} ({path.stat().st_size / 1000:.0f} kB)")
