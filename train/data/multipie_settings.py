"""Who of Multi-PIE is trained on and who is tested: the paper's two settings.

Subjects are split by number, so a part of the database is split as the whole of it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tpgan_sdk.errors import TrainingError

from .multipie import FRONTAL, YAWS, Picture

GALLERY_LIGHT: Final = 7
"""The light of the gallery's pictures."""
NEUTRAL: Final = 1
"""The first recording of every session, the only one that is taken."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Sessions and people."""

    sessions: tuple[int, ...]
    last_training: int
    """Subjects up to this one are for training."""
    last: int
    """Subjects from there up to this one are for testing."""


SETTINGS: Final = {1: Setting((1,), 150, 250), 2: Setting((1, 2, 3, 4), 200, 346)}
"""Both of neutral faces. Some numbers were never given: up to 346 there are 337 people."""


def to_train(pictures: Iterable[Picture], setting: Setting) -> list[Picture]:
    """The neutral pictures of the people to train on, without the elevated cameras."""
    return [p for p in _neutral(pictures, setting) if p.subject <= setting.last_training]


def to_test(pictures: Iterable[Picture], setting: Setting) -> list[Picture]:
    """The neutral pictures of the people to test, without the elevated cameras."""
    people = range(setting.last_training + 1, setting.last + 1)
    return [p for p in _neutral(pictures, setting) if p.subject in people]


def _neutral(pictures: Iterable[Picture], setting: Setting) -> list[Picture]:
    return [
        p
        for p in pictures
        if p.expression == NEUTRAL and p.camera in YAWS and p.session in setting.sessions
    ]


def gallery(pictures: Iterable[Picture], setting: Setting) -> dict[int, Picture]:
    """Of every test subject one picture: frontal, light 07, from the first session it came to.

    Raises:
        TrainingError: a subject has none.
    """
    tested = sorted(to_test(pictures, setting))
    first: dict[int, int] = {}
    for picture in tested:
        first[picture.subject] = min(first.get(picture.subject, 4), picture.session)
    chosen = {
        p.subject: p
        for p in tested
        if (p.session, p.camera, p.light) == (first[p.subject], FRONTAL, GALLERY_LIGHT)
    }
    lacking = [f"{subject:03d} (session {first[subject]})" for subject in first.keys() - chosen]
    if lacking:
        raise TrainingError(
            f"no frontal picture under light {GALLERY_LIGHT:02d} of the test subjects "
            f"{', '.join(sorted(lacking))}: without it nobody can recognise them; complete the "
            "data, or leave these subjects out"
        )
    return chosen


def probes(pictures: Iterable[Picture], setting: Setting) -> dict[int, list[Picture]]:
    """The test subjects' turned pictures, all lights, by degrees to either side: 15, 30, ... 90.

    `Picture.yaw` tells the side. Frontal pictures are no probes, as in the paper's tables.
    """
    by_yaw: dict[int, list[Picture]] = defaultdict(list)
    for picture in sorted(to_test(pictures, setting)):
        if picture.camera != FRONTAL:
            by_yaw[abs(picture.yaw)].append(picture)
    return dict(sorted(by_yaw.items()))


def training_pairs(
    pictures: Sequence[Picture], setting: Setting
) -> tuple[list[tuple[Picture, Picture]], list[str]]:
    """Every training picture with its target: the frontal camera's at the same flash.

    Subject, session, expression and light are the same. Frontal pictures are their own target.

    Returns:
        (profile, frontal) pairs, and a message for every picture without target.
    """
    chosen = to_train(pictures, setting)
    targets = {_shot(p): p for p in chosen if p.camera == FRONTAL}
    pairs = [(p, targets[_shot(p)]) for p in chosen if _shot(p) in targets]
    lacking = [
        f"{p.path} has no frontal picture of the same session, expression and light"
        for p in chosen
        if _shot(p) not in targets
    ]
    return pairs, lacking


def _shot(picture: Picture) -> tuple[int, int, int, int]:
    return picture.subject, picture.session, picture.expression, picture.light
