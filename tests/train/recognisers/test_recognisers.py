"""Light CNN against its paper, files of weights, and what every frozen recogniser promises."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import OFFICIAL
from train.recognisers import NETWORKS, FaceNetwork, Recogniser, load_recogniser, read_network
from train.recognisers.light_cnn import LightCNN9, LightCNN29, LightCNN29v2, max_feature_map
from train.recognisers.mobilefacenet import ARCFACE_POINTS, MobileFaceNet


@pytest.fixture(params=list(NETWORKS))
def network(request: pytest.FixtureRequest) -> FaceNetwork:
    torch.manual_seed(0)
    return NETWORKS[request.param]().eval()


@pytest.fixture
def crops() -> Tensor:
    return torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1


def weights_of(network: FaceNetwork) -> dict[str, int]:
    """Elements by layer, biases left out."""
    return {
        name.removesuffix(".filter.weight"): value.numel()
        for name, value in network.named_parameters()
        if value.dim() > 1
    }


def test_max_feature_map_keeps_the_larger_of_channel_and_partner() -> None:
    x = torch.tensor([[1.0, -4.0, 0.5, -3.0]])
    assert max_feature_map(x).tolist() == [[1.0, -3.0]]
    maps = torch.arange(8.0).reshape(1, 4, 1, 2) * torch.tensor([1.0, -1.0])
    assert torch.equal(max_feature_map(maps), torch.tensor([[[[4.0, -1.0]], [[6.0, -3.0]]]]))


def in_the_papers_table(weights: dict[str, int]) -> float:
    """Thousands of parameters, summed as the rows of the paper's table add up.

    Its totals come out if every row, which is a residual block at a time, is cut (to 0.1 below
    ten, else to ones), and if the second 3x3 convolution has 96 inputs; the published weights
    have 48.
    """
    rows: dict[str, int] = {}
    for name, count in weights.items():
        block = name.rpartition(".")[0] if name.startswith("block") else name
        rows[block] = rows.get(block, 0) + count
    second = "group1.conv" if "group1.conv" in rows else "features.2.conv"
    rows[second] *= 2
    return sum(n // 100 / 10 if n < 10_000 else n // 1000 for n in rows.values())


def test_parameters_are_those_of_the_paper() -> None:
    """5,556 K and 12,637 K: Wu et al., tables of Light CNN-9 and -29."""
    assert in_the_papers_table(weights_of(LightCNN9())) == pytest.approx(5556)
    assert in_the_papers_table(weights_of(LightCNN29())) == pytest.approx(12637)


def test_parameters_are_those_of_the_published_checkpoints() -> None:
    """Kernels of 1, 3 and 5 px from channel counts alone, biases included."""

    def conv(kernel: int, inputs: int, outputs: int) -> int:
        return kernel * kernel * inputs * 2 * outputs + 2 * outputs

    widths = (48, 96, 192, 128, 128)
    steps = list(pairwise(widths))
    plain = conv(5, 1, 48) + sum(conv(1, a, a) + conv(3, a, b) for a, b in steps)
    residual = sum(2 * (i + 1) * conv(3, a, a) for i, (a, _) in enumerate(steps))
    flat = 128 * 8 * 8
    expected = {
        LightCNN9: plain + conv(1, flat, 256),
        LightCNN29: plain + residual + conv(1, flat, 256),
        LightCNN29v2: plain + residual + flat * 256 + 256,
    }
    for architecture, count in expected.items():
        assert sum(p.numel() for p in architecture().parameters()) == count


def test_outputs_have_the_shapes_of_the_interface(network: FaceNetwork, crops: Tensor) -> None:
    maps, embedding = Recogniser(network)(crops)
    expected = (512, 7, 7) if isinstance(network, MobileFaceNet) else (128, 8, 8)
    assert maps.shape == (2, *expected)
    assert embedding.shape == (2, network.dimensions)
    assert torch.linalg.vector_norm(embedding, dim=1).tolist() == pytest.approx([1, 1])


def test_twenty_nine_layers_without_residuals_are_nine(crops: Tensor) -> None:
    """Residual blocks of weight 0 add nothing: the same convolutions give the same embedding."""
    torch.manual_seed(1)
    nine, more = LightCNN9().eval(), LightCNN29().eval()
    for name, value in more.named_parameters():
        if name.startswith("block"):
            torch.nn.init.zeros_(value)
    more.conv1.load_state_dict(nine.features[0].state_dict())
    more.fc.load_state_dict(nine.fc1.state_dict())
    for group, place in ((1, 2), (2, 4), (3, 6), (4, 7)):
        more.get_submodule(f"group{group}").load_state_dict(nine.features[place].state_dict())
    assert torch.allclose(nine.of_crop(crops)[1], more.of_crop(crops)[1], atol=1e-5)


def test_the_second_release_pools_by_maximum_plus_mean() -> None:
    x = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    assert LightCNN29()._pool(x).item() == 6
    assert LightCNN29v2()._pool(x).item() == 6 + 3


def test_light_cnn_sees_grey_only(crops: Tensor) -> None:
    """A colour picture and the grey one that an image library makes of it are one to it."""
    pixels = (crops[0].permute(1, 2, 0).numpy() + 1) / 2
    grey = torch.from_numpy(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)) * 2 - 1
    network = LightCNN9().eval()
    colour_only = network.of_crop(crops[:1])[1]
    assert torch.allclose(colour_only, network.of_crop(grey.expand(1, 3, -1, -1))[1], atol=1e-5)


def test_the_crop_of_light_cnn_is_the_sdks_own() -> None:
    assert LightCNN9.alignment(OFFICIAL.points) == pytest.approx(np.eye(2, 3), abs=0.03)


def test_mobilefacenet_reads_its_points_where_the_crop_has_them() -> None:
    """A spot on each landmark of the crop comes out at the ArcFace template's place."""
    network = MobileFaceNet()
    ys, xs = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    for (x, y), place in zip(OFFICIAL.points, ARCFACE_POINTS, strict=True):
        spot = torch.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 18)
        face = torch.nn.functional.grid_sample(spot[None, None], network.grid, align_corners=True)
        row, column = divmod(int(face.argmax()), 112)
        # The two templates are no similarity of one another: 2 px remain.
        assert np.hypot(column - place[0], row - place[1]) < 2.5


def test_a_jitter_looks_further_right_and_down_at_a_smaller_face() -> None:
    """Where a spot of the crop lies on what the network sees, in px from its middle."""
    network = LightCNN9()
    seen: list[Tensor] = []
    network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0].mean(dim=0)))
    ys, xs = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    spot = torch.exp(-((xs - 95.5) ** 2 + (ys - 63.5) ** 2) / 18) * 2 - 1  # 32 px right
    crops = spot.expand(3, 3, 128, 128)
    jitter = torch.tensor([[0.0, 0.1, 0.0], [0.0, 0.0, 0.1], [0.1, 0.0, 0.0]])
    places = []
    with torch.no_grad():
        for n in range(3):
            network.of_crop(crops[:1], jitter[n : n + 1])
            row, column = divmod(int(seen[n].argmax()), 128)
            places.append((column - 63.5, row - 63.5))
    assert places[0] == pytest.approx((32 - 6.4, 0), abs=1.2)
    assert places[1] == pytest.approx((32, -6.4), abs=1.2)
    assert places[2] == pytest.approx((32 / 1.1, 0), abs=1.2)


def test_a_recogniser_is_frozen_but_lets_gradients_through(
    network: FaceNetwork, crops: Tensor
) -> None:
    recogniser = Recogniser(network).train()
    assert not recogniser.training
    assert not network.training
    assert recogniser.name == network.name
    recogniser(crops.requires_grad_())[1][:, 0].sum().backward()
    assert crops.grad is not None
    assert crops.grad.abs().sum() > 0
    assert all(p.grad is None for p in recogniser.parameters())


def test_published_checkpoints_are_recognised(
    network: FaceNetwork, crops: Tensor, tmp_path: Path
) -> None:
    """As nn.DataParallel and a training script save them: prefixes, other entries, a classifier."""
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    state["module.fc2.weight"] = torch.zeros(10, 256)
    torch.save({"epoch": 3, "arch": "any", "state_dict": state}, tmp_path / "published.pth.tar")
    recogniser = load_recogniser(tmp_path / "published.pth.tar")
    assert recogniser.name == network.name
    assert torch.equal(recogniser(crops)[1], Recogniser(network)(crops)[1])


def test_plain_and_safetensors_files_are_recognised(network: FaceNetwork, tmp_path: Path) -> None:
    torch.save(network.state_dict(), tmp_path / "plain.pt")
    save_file(network.state_dict(), tmp_path / "own.safetensors")
    for name in ("plain.pt", "own.safetensors"):
        assert read_network(tmp_path / name).name == network.name


def test_the_project_weights_load(shared_dir: Path) -> None:
    path = shared_dir / "models/identity/mobilefacenet_arcface.pt"
    if not path.exists():
        pytest.skip(f"no {path}")
    assert load_recogniser(path).name == "mobilefacenet"


class _Command:
    """Unpickled carelessly, it runs."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


def test_bad_files_are_named_and_never_executed(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no recogniser weights at .*; expected a file with"):
        load_recogniser(tmp_path / "none.pt")
    torch.save({"a": torch.zeros(3), "b": 4}, tmp_path / "other.pt")
    with pytest.raises(TrainingError, match=r"holds 1 tensors of no known .*light-cnn-9: fc1\."):
        load_recogniser(tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(TrainingError, match="holds 0 tensors"):
        load_recogniser(tmp_path / "list.pt")
    (tmp_path / "text.pt").write_text("not weights")
    with pytest.raises(TrainingError, match=r"cannot be read as weights: .*expected a state dict"):
        load_recogniser(tmp_path / "text.pt")
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(TrainingError, match="safetensors cannot be read"):
        load_recogniser(tmp_path / "text.safetensors")
    torch.save({"state_dict": _Command(tmp_path / "made")}, tmp_path / "evil.pt")
    with pytest.raises(TrainingError, match="cannot be read as weights"):
        load_recogniser(tmp_path / "evil.pt")
    assert not (tmp_path / "made").exists()


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    state = MobileFaceNet().state_dict()
    del state["conv3.bias"]
    torch.save(state, tmp_path / "part.pt")
    with pytest.raises(TrainingError, match=r"looks like mobilefacenet but differs: .*conv3\.bias"):
        load_recogniser(tmp_path / "part.pt")
