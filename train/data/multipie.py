"""Multi-PIE under its original names: what a picture shows.

``ROOT/session01/multiview/001/01/05_1/001_01_01_051_07.png`` is subject 001 in session 1,
recording 01, seen by camera 05_1 under light 07. The landmarks of a picture lie beside it, as
``001_01_01_051_07.5pt`` or, the camera being still from light to light, ``001_01_01_051.5pt``.

The database is licensed: everything here was tested on small pictures under the same names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tpgan_sdk.errors import TrainingError

from .points import SUFFIX

YAWS: Final = {
    "110": -90,
    "120": -75,
    "090": -60,
    "080": -45,
    "130": -30,
    "140": -15,
    "051": 0,
    "050": 15,
    "041": 30,
    "190": 45,
    "200": 60,
    "010": 75,
    "240": 90,
}
"""Degrees of the face in each camera's picture; positive: looks towards its right edge."""
ELEVATED: Final = ("081", "191")
"""Cameras above the others, at 45 degrees to either side: no part of either setting."""
FRONTAL: Final = "051"
LIGHTS: Final = 20
"""Numbers 00 (the room's) to 19."""
PICTURES: Final = (".png", ".jpg")
_NAME: Final = re.compile(r"(\d{3})_(\d{2})_(\d{2})_(\d{3})_(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Picture:
    """What a file's name says."""

    subject: int
    session: int
    expression: int
    """Number of the recording in the session."""
    camera: str
    """Three digits: "051" is 05_1."""
    light: int
    path: Path

    @property
    def yaw(self) -> int:
        """Degrees, as in `YAWS`."""
        return YAWS[self.camera]

    def points_file(self) -> Path | None:
        """Where its landmarks lie; None where there are none."""
        stem = self.path.stem
        names = (stem, stem.rpartition("_")[0])
        files = (self.path.with_name(name + SUFFIX) for name in names)
        return next((file for file in files if file.is_file()), None)


def parse(path: Path) -> Picture:
    """A picture by its path.

    Raises:
        TrainingError: no such name, or it contradicts the folders; the message begins with it.
    """
    match = _NAME.fullmatch(path.stem)
    if match is None or path.suffix not in PICTURES:
        raise TrainingError(
            f"{path} is not named SUBJECT_SESSION_EXPRESSION_CAMERA_LIGHT.png, as "
            "001_01_01_051_07.png"
        )
    subject, session, expression, camera, light = match.groups()
    if camera not in YAWS and camera not in ELEVATED:
        raise TrainingError(f"{path}: there is no camera {camera[:2]}_{camera[2]}")
    if not 1 <= int(session) <= 4 or int(light) >= LIGHTS:
        raise TrainingError(
            f"{path}: session {session}, light {light}; expected 01 to 04 and 00 to {LIGHTS - 1}"
        )
    folders = (f"session{session}", "multiview", subject, expression, f"{camera[:2]}_{camera[2]}")
    if path.parent.parts[-5:] != folders:
        raise TrainingError(f"{path} does not lie in {'/'.join(folders)}, as its name says")
    return Picture(int(subject), int(session), int(expression), camera, int(light), path)


def scan(root: Path) -> tuple[list[Picture], list[str]]:
    """All pictures of the database in order, and a message for every file that is none.

    Raises:
        TrainingError: no pictures at all.
    """
    pictures, odd = [], []
    for path in sorted(root.glob("session*/multiview/*/*/*/*")):
        if path.suffix == SUFFIX:
            continue
        try:
            pictures.append(parse(path))
        except TrainingError as error:
            odd.append(str(error))
    if not pictures:
        raise TrainingError(
            f"no pictures of Multi-PIE in {root}; expected "
            "session01/multiview/001/01/05_1/001_01_01_051_07.png and so on"
        )
    return sorted(pictures), odd
