"""Portraits to shards, on a few real portraits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from tpgan_sdk import geometry
from tpgan_sdk.errors import TrainingError
from train.data.shards import FLOW_UNIT, SEEN, VIEW_MARGIN, ShardReader
from train.data.split import held_out
from train.rendering.camera import FAR, Camera, aligned_points, render_view
from train.rendering.correspondence import Correspondence, correspondence, frontal_points
from train.rendering.head import find_model
from train.rendering.plan import RenderConfig, plan_views, portrait_generator
from train.rendering.render import main
from train.rendering.views import PortraitError, Renderer, frontal_target, render_views


@pytest.fixture(scope="module")
def portraits(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two portraits of the training split and one that shows nobody."""
    pytest.importorskip("mediapipe", reason="rendering needs mediapipe")
    source = shared_dir / "data" / "portraits" / "generated"
    if not source.is_dir():
        pytest.skip(f"no portraits in {source}")
    folder = tmp_path_factory.mktemp("portraits")
    chosen = [p for p in sorted(source.glob("*.jpg")) if not held_out(p.name)][:2]
    for path in chosen:
        shutil.copy(path, folder)
    cv2.imwrite(str(folder / "nobody.png"), np.full((200, 200, 3), 90, np.uint8))
    assert not held_out("nobody.png")
    return folder


@pytest.fixture(scope="module")
def renderer(portraits: Path) -> Renderer:
    return Renderer()


@pytest.fixture(scope="module")
def portrait(portraits: Path) -> np.ndarray:
    return np.asarray(cv2.imread(str(min(portraits.glob("*.jpg")))), dtype=np.uint8)


def _render(portraits: Path, output: Path, *more: str) -> int:
    fixed = ["--views", "3", "--new-people", "0"]
    return main(["--portraits", str(portraits), "--output", str(output), *fixed, *more])


def test_command_writes_shards_and_a_report(portraits: Path, tmp_path: Path) -> None:
    assert _render(portraits, tmp_path / "a", "--split", "train") == 0
    reader = ShardReader(tmp_path / "a" / "train" / "shard-00000")
    # One of the two smiles, and gets two views in place of three.
    assert (len(reader), len(reader.targets)) == (5, 4)
    names = {int(k): v for k, v in reader.meta["portraits"].items()}
    assert set(reader.labels["identity"]) == set(names)
    assert reader.labels["target"].max() == 3
    assert (reader.labels["target"] % 2 == reader.labels["mirrored"]).all()
    assert ((reader.labels["yaw"] >= 0) & (reader.labels["yaw"] <= 90)).all()
    # Premultiplied: no colour exceeds its alpha.
    assert (reader.views[..., :3].max(axis=3) <= reader.views[..., 3].astype(int) + 1).all()
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    assert report["accepted"] == 2
    assert report["rejected"] == {f"{portraits.name}/nobody.png": "no face"}
    assert report["views"] == 5
    # The same seed gives the same bytes, another one others.
    assert _render(portraits, tmp_path / "b", "--split", "train") == 0
    assert _render(portraits, tmp_path / "c", "--split", "train", "--seed", "1") == 0
    for name in (
        "views.npy",
        "flow.npy",
        "visibility.npy",
        "targets.npy",
        "labels.npy",
        "meta.json",
    ):
        first, again, other = (
            (tmp_path / x / "train" / "shard-00000" / name).read_bytes() for x in "abc"
        )
        assert first == again
        assert name == "targets.npy" or first != other


def test_new_people_are_rendered_like_others(portraits: Path, tmp_path: Path) -> None:
    arguments = ["--views", "2", "--new-people", "1", "--split", "train"]
    assert main(["--portraits", str(portraits), "--output", str(tmp_path), *arguments]) == 0
    meta = ShardReader(tmp_path / "train" / "shard-00000").meta
    made = [name for name in meta["portraits"].values() if "+" in name]
    assert made
    assert all("nobody" not in name for name in made)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["accepted"] + len(report["rejected"]) == 6
    assert set(report["reasons"]) == {"no face"}


def test_landmarks_agree_with_the_yaw(renderer: Renderer, portrait: np.ndarray) -> None:
    mesh = renderer.mesh(portrait)
    for yaw in (0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0):
        view = render_view(mesh, Camera(yaw))
        assert abs(geometry.estimate_yaw(view.landmarks) - yaw) < 7
        aligned = geometry.alignment_transform(view.landmarks)
        np.testing.assert_allclose(aligned, [[1, 0, 0], [0, 1, 0]], atol=1e-6)
    # A real profile's nose tip lies at x = 86 of the crop.
    assert 80 < view.landmarks[2, 0] < 92


def _fetch(view: np.ndarray, found: Correspondence) -> np.ndarray:
    """(64, 64, 3) the picture that lies at the flow."""
    x, y = found.flow.astype(np.float32) / FLOW_UNIT + VIEW_MARGIN
    return np.asarray(cv2.remap(view[..., :3].astype(np.float32), x, y, cv2.INTER_LINEAR))


@pytest.mark.parametrize("yaw", [0.0, 30.0, 60.0, 85.0])
def test_the_exact_flow_fetches_the_target(
    renderer: Renderer, portrait: np.ndarray, yaw: float
) -> None:
    mesh, camera = renderer.mesh(portrait), Camera(yaw)
    view = render_view(mesh, camera).image
    found = correspondence(mesh, frontal_points(mesh), camera, view)
    target = cv2.resize(frontal_target(mesh)[..., :3], (64, 64), interpolation=cv2.INTER_AREA)
    # Inside the face: a flow on 2-px cells says nothing exact about single hairs.
    seen = (found.visibility == SEEN)[14:54, 18:46]
    error = np.abs(_fetch(view, found) - target.astype(np.float32))[14:54, 18:46]
    assert seen.mean() > (0.95 if yaw == 0 else 0.35)
    assert error[seen].mean() < 3
    # Elsewhere than at the flow lies another picture.
    moved = Correspondence(np.roll(found.flow, 6, axis=2), found.visibility)
    worse = np.abs(_fetch(view, moved) - target.astype(np.float32))[14:54, 18:46]
    assert worse[seen].mean() > 2 * error[seen].mean()


def test_the_flow_at_0_degrees_is_the_identity(renderer: Renderer, portrait: np.ndarray) -> None:
    mesh, camera = renderer.mesh(portrait), Camera(0.0, distance=FAR)
    view = render_view(mesh, camera).image
    frontal = aligned_points(mesh, camera)[0]
    found = correspondence(mesh, frontal, camera, view)
    centres = np.arange(64) * 2 + 0.5
    here = np.stack(np.meshgrid(centres, centres))
    surface = found.visibility > 0
    assert np.abs(found.flow / FLOW_UNIT - here)[:, surface].max() < 0.02


def test_less_is_seen_as_the_head_turns_and_the_near_half_stays(
    renderer: Renderer, portrait: np.ndarray
) -> None:
    mesh = renderer.mesh(portrait)
    near, far = [], []
    for yaw in (0.0, 30.0, 60.0, 90.0):
        view = render_view(mesh, Camera(yaw)).image
        seen = correspondence(mesh, frontal_points(mesh), Camera(yaw), view).visibility == SEEN
        near.append(seen[20:50, 18:30].mean())
        far.append(seen[20:50, 34:46].mean())
    assert min(near[:3]) > 0.98
    assert near[3] > 0.8  # the slopes of nose and cheek are edge on
    assert far == sorted(far, reverse=True)
    assert far[0] > 0.9
    assert far[-1] < 0.1


def test_a_symmetric_mesh_has_a_symmetric_flow(renderer: Renderer, portrait: np.ndarray) -> None:
    # A portrait beside its mirror image: at 0 degrees one flow is the other's mirror image.
    flows = []
    for image in (portrait, np.ascontiguousarray(portrait[:, ::-1])):
        mesh = renderer.mesh(image)
        view = render_view(mesh, Camera(0.0)).image
        flows.append(correspondence(mesh, frontal_points(mesh), Camera(0.0), view))
    x, y = flows[0].flow / FLOW_UNIT
    mirrored_x, mirrored_y = flows[1].flow[:, :, ::-1] / FLOW_UNIT
    face = np.s_[14:54, 18:46]
    # MediaPipe finds the mirrored face within about a pixel.
    assert np.abs(x + mirrored_x - 127)[face].mean() < 1.5
    assert np.abs(y - mirrored_y)[face].mean() < 1.5


def test_frontal_view_looks_like_the_target(renderer: Renderer, portrait: np.ndarray) -> None:
    mesh = renderer.mesh(portrait)
    view = render_view(mesh, Camera(0.0)).image[32:160, 32:160].astype(float)
    target = frontal_target(mesh).astype(float)
    face = np.s_[24:104, 34:94]
    assert np.abs(view[face] - target[face]).mean() < 12
    assert view[face][..., 3].min() == 255


def test_alpha_edge_is_not_dark(renderer: Renderer, portrait: np.ndarray) -> None:
    """Unpremultiplied colours along the face's far edge are those just inside it."""
    image = render_view(renderer.mesh(portrait), Camera(45.0)).image.astype(float)
    gaps = []
    for row in range(60, 100):
        edge = int(np.flatnonzero(image[row, :, 3] > 0)[-1])
        if image[row, edge, 3] < 255:
            inner = image[row, edge - 2, :3].mean()
            gaps.append(image[row, edge, :3].mean() * 255 / image[row, edge, 3] - inner)
    assert abs(np.mean(gaps)) < 12


def test_render_views_of_one_picture(portrait: np.ndarray) -> None:
    left, right = render_views(portrait, [-60.0, 60.0], background=(0.0, 255.0, 0.0))
    assert left.image.shape == (192, 192, 3)
    assert geometry.estimate_yaw(left.landmarks) < -50
    assert geometry.estimate_yaw(right.landmarks) > 50
    assert left.image[80, 4].tolist() == [0, 255, 0]  # background before the face
    assert right.image[80, 155].tolist() == [0, 255, 0]


def test_rejections_name_the_reason(renderer: Renderer, portrait: np.ndarray) -> None:
    with pytest.raises(PortraitError, match="no face"):
        renderer.mesh(np.zeros((64, 64, 3), np.uint8))
    small = np.asarray(cv2.resize(portrait, (100, 100)), dtype=np.uint8)
    with pytest.raises(PortraitError, match=r"too small: \d+ px"):
        renderer.mesh(small)


def test_exact_yaws_come_from_both_halves() -> None:
    config = RenderConfig(yaws=(0.0, 45.0, 90.0))
    plan = plan_views(config, portrait_generator(0, "a.jpg"))
    assert [(camera.yaw, mirrored) for camera, _, mirrored in plan] == [
        *((0.0, False), (45.0, False), (45.0, True), (90.0, False), (90.0, True)),
    ]
    assert config.views_each == 5


def test_random_yaws_cover_the_range_and_alternate() -> None:
    plan = plan_views(RenderConfig(views=6), portrait_generator(0, "a.jpg"))
    assert [int(camera.yaw // 15) for camera, _, _ in plan] == [0, 1, 2, 3, 4, 5]
    sides = [mirrored for _, _, mirrored in plan]
    assert sides in ([False, True] * 3, [True, False] * 3)
    assert all(abs(camera.pitch) <= 20 for camera, _, _ in plan)
    assert all(np.linalg.norm(light.direction) <= 1 for _, light, _ in plan)


def test_who_smiles_gets_fewer_views() -> None:
    plan = plan_views(RenderConfig(views=10), portrait_generator(0, "a.jpg"), smiling=True)
    assert len(plan) == 7
    assert plan[-1][0].yaw > 75


def test_dry_run_writes_nothing(
    portraits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _render(portraits, tmp_path / "x", "--split", "train", "--dry-run") == 0
    assert "3 people, up to 3 views each, 1 shards" in capsys.readouterr().out
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--portraits", "{tmp}/none"], "is not a folder; --portraits takes folders"),
        (["--portraits", "{tmp}"], "no pictures in"),
        (["--portraits", "{tmp}", "--yaws", "0,-30"], "yaw -30 cannot be rendered"),
        (["--portraits", "{tmp}", "--yaws", "a"], "--yaws 'a'"),
        (["--portraits", "{tmp}", "--views", "0"], "0 views a portrait"),
        (["--portraits", "{tmp}", "--new-people", "-1"], "-1 new people; expected 0 or more"),
    ],
)
def test_bad_arguments(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [a.replace("{tmp}", str(tmp_path)) for a in arguments]
    assert main([*filled, "--output", str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err


def test_output_with_shards_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out" / "train" / "shard-00000").mkdir(parents=True)
    assert main(["--portraits", str(tmp_path), "--output", str(tmp_path / "out")]) == 1
    assert "holds shards already" in capsys.readouterr().err


def test_what_fails_in_a_worker_ends_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pool would start workers that cannot begin again and again."""
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(b"")
    words = ["--portraits", str(tmp_path), "--output", str(tmp_path / "out")]
    assert main([*words, "--workers", "2", "--head", str(tmp_path)]) == 1
    assert "no head model in" in capsys.readouterr().err


def test_missing_head_model(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no head model in .* --head, or set TPGAN_SHARED"):
        find_model(tmp_path)
