"""Runs the SDK on a few photos and lays input, aligned crop and result side by side.

    python examples/demo.py --output demo

Inputs: the rendered views of a public-domain portrait in `examples/photos`, and the group photo
that comes with insightface where that is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tpgan_sdk import Face, Frontalizer
from tpgan_sdk.geometry import apply_transform
from tpgan_sdk.images import find_images, read_image, write_image

Picture = npt.NDArray[np.uint8]

CELL = 192
COLUMNS = 2
"""Triples of (input, aligned, result) a row of the contact sheet."""


def inputs() -> list[Path]:
    """The demo's photos."""
    here = sorted((Path(__file__).parent / "photos").glob("*.png"))
    spec = importlib.util.find_spec("insightface")
    group = [
        Path(folder) / "data" / "images" / "t1.jpg"
        for folder in (spec.submodule_search_locations or [] if spec else [])
    ]
    return here + [path for path in group if path.is_file()]


def input_cell(photo: Picture, face: Face) -> Picture:
    """The photo around the face, with its box."""
    x0, y0, x1, y1 = face.box
    middle, half = ((x0 + x1) / 2, (y0 + y1) / 2), 0.9 * max(x1 - x0, y1 - y0)
    scale = CELL / (2 * half)
    shift = (CELL / 2 - scale * middle[0], CELL / 2 - scale * middle[1])
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    cell = cv2.warpAffine(photo, matrix, (CELL, CELL), borderValue=(32, 32, 32))
    (left, top), (right, bottom) = apply_transform(matrix, [(x0, y0), (x1, y1)]).round().astype(int)
    cv2.rectangle(cell, (left, top), (right, bottom), (80, 220, 80), 1, cv2.LINE_AA)
    return np.asarray(cell, dtype=np.uint8)


def aligned_cell(face: Face) -> Picture:
    """The aligned crop with its landmarks."""
    cell = cv2.resize(face.aligned, (CELL, CELL), interpolation=cv2.INTER_CUBIC)
    points = (apply_transform(face.transform, face.landmarks) + 0.5) * CELL / 128 - 0.5
    for x, y in points.round().astype(int):
        cv2.circle(cell, (int(x), int(y)), 3, (80, 220, 80), -1, cv2.LINE_AA)
    return np.asarray(cell, dtype=np.uint8)


def triple(photo: Picture, face: Face) -> Picture:
    """Input, aligned crop and result with the yaw written below."""
    result = cv2.resize(face.image, (CELL, CELL), interpolation=cv2.INTER_CUBIC)
    row = np.hstack([input_cell(photo, face), aligned_cell(face), result])
    strip = np.full((22, row.shape[1], 3), 32, np.uint8)
    text = f"yaw {face.yaw:+.0f}" + (", mirrored" if face.mirrored else "")
    for column, label in enumerate(("input", f"aligned ({text})", "frontal")):
        at = (column * CELL + 6, 15)
        cv2.putText(strip, label, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (230,) * 3, 1, cv2.LINE_AA)
    return np.vstack([row, strip]).astype(np.uint8)


def contact_sheet(triples: list[Picture]) -> Picture:
    """All triples in a grid."""
    blank = np.full_like(triples[0], 32)
    padded = triples + [blank] * (-len(triples) % COLUMNS)
    rows = [np.hstack(padded[i : i + COLUMNS]) for i in range(0, len(padded), COLUMNS)]
    return np.vstack(rows).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo"))
    parser.add_argument("--detector", default="auto")
    args = parser.parse_args()
    triples = []
    with Frontalizer(detector=args.detector) as frontalizer:
        for path, _ in find_images(inputs()):
            photo = read_image(path)
            faces = frontalizer.frontalize(photo)
            print(f"{path.name}: {len(faces)} face{'s' * (len(faces) != 1)}")
            for index, face in enumerate(faces):
                write_image(args.output / f"{path.stem}_{index}.png", face.image)
                triples.append(triple(photo, face))
        sheet = args.output / "contact_sheet.png"
        write_image(sheet, contact_sheet(triples))
        info = frontalizer.backend
        print(f"\nmodel:    {frontalizer.model.name} ({frontalizer.model.info.precision})")
        print(f"backend:  {info.name} on {info.device}: {info.reason}")
        print(f"detector: {frontalizer.detector.name}")
        print(f"faster:   {info.faster or 'nothing known for this machine'}")
        print(f"\nLook at {sheet}")


if __name__ == "__main__":
    main()
