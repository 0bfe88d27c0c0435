"""Training configuration: one frozen table, from a JSON file and `--set key=value`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tpgan_sdk.errors import TrainingError

from ..networks import PRESETS, FlowSpec, Spec

CONFIGS = Path(__file__).parent.parent / "configs"

_CHOICES = {
    "preset": PRESETS,
    "precision": ("fp32", "bf16", "fp16"),
    "adversarial_kind": ("wgan-gp", "logistic"),
    # Weights for sums over the pixels are 128 * 128 and more times smaller: no mixing by mistake.
    "reduction": ("mean",),
}


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Every parameter of a run; a weight of 0 turns a loss off."""

    preset: str = "edge-drawn"
    """Table in `train.networks.spec`."""
    local_pathways: bool = True
    """False leaves them out of the network, for an ablation."""
    batch: int = 24
    """Views a step."""
    steps: int = 100_000
    """Steps of the whole run; the learning rate anneals to zero at its end."""
    learning_rate: float = 1e-3
    """Adam's, after warm-up."""
    warmup: int = 100
    """Steps of linear warm-up."""
    beta1: float = 0.9
    ema: float = 0.995
    """Decay a step of the averaged weights, which are the ones exported."""
    seed: int = 0
    reduction: str = "mean"
    """What the weights of the losses are for: "mean" over all elements, the only one there is."""
    noise: float = 0.0
    """Deviation of the noise joined to the code while training; the exported model has none."""
    pixel_128: float = 1.0
    pixel_64: float = 0.5
    pixel_32: float = 0.5
    pixel_patches: float = 0.5
    """The four local pictures before fusion; of appearance-flow presets, eyes, nose and mouth of
    the result."""
    center_weight_low: float = 0.4
    """Weight of the corners of the 128-px picture relative to its middle; 1: no difference."""
    symmetry_128: float = 0.0
    symmetry_64: float = 0.0
    symmetry_32: float = 0.02
    """Real faces are symmetric coarsely, not pixel by pixel."""
    symmetry_laplacian: float = 0.0
    """In the Laplacian of the 128-px picture."""
    detach_mirror: bool = False
    """Whether the mirror image counts as fixed in the symmetry losses."""
    total_variation: float = 0.02
    gradient: float = 0.0
    """Difference of the picture's differences between neighbours: against softness."""
    flow: float = 0.0
    """Distance of the flow, in px; what is hidden counts a quarter. This and the next five are for
    appearance-flow presets."""
    visibility: float = 0.0
    """Cross-entropy of whether the photo shows a pixel."""
    silhouette: float = 0.0
    """Cross-entropy of whether the photo shows a person."""
    pixel_fetched: float = 0.0
    """The fetched picture where the photo shows the face."""
    pixel_composed: float = 0.0
    """The picture before the local pathways."""
    fetch_share: float = 0.0
    """What is not fetched where the photo shows it."""
    fetch_only_until: int = 0
    """Steps at the start that train the global pathway alone."""
    flow_learning_rate: float = 1.0
    """Factor on the global pathway's learning rate after these."""
    clip: float = 0.0
    """Largest norm of the gradient; 0: any."""
    identity: float = 0.12
    """1 - cosine of the recogniser's embeddings."""
    identity_contrast: float = 0.0
    """Cross-entropy of telling the person from others by the embeddings: a cosine alone is content
    with the mean of all faces that fit."""
    identity_embedding: float = 0.0
    """Distance of the unit-length embeddings, the recogniser's last layer."""
    identity_features: float = 0.06
    """Distance of the feature maps before it."""
    identity_jitter: float = 0.0
    """Largest zoom, as a part, and shift, as a part of half the crop, by which made and true face
    are moved alike before the recogniser: what fools one placing seldom fools all."""
    identity_squared: bool = False
    """Whether these distances are mean squares instead of mean absolutes."""
    identity_after: int = 200
    """First step with the identity losses: before it there is no face to recognise."""
    cross_entropy: float = 0.0
    """Identity cross-entropy on the encoder's code."""
    distill: float = 0.0
    """Mean absolute difference to the picture of a teacher (--teacher)."""
    adversarial: float = 0.0
    adversarial_kind: str = "wgan-gp"
    """"wgan-gp" or "logistic"."""
    adversarial_after: int = 0
    """First step with the discriminator."""
    penalty: float = 10.0
    """Weight of WGAN-GP's gradient penalty."""
    critic_r1: float = 0.0
    """Weight of the R1 penalty, half the squared gradient at real pictures."""
    critic_spectral_norm: bool = False
    """Divide each of the discriminator's weights by its largest singular value."""
    critic_learning_rate: float = 1e-4
    critic_every: int = 1
    """Generator steps for one of the discriminator."""
    critic_width: float = 1.0
    """Multiplies the discriminator's channels."""
    critic_bound: float = 1e3
    """A discriminator whose loss stays beyond +- this has diverged, and the run stops."""
    critic_patience: int = 20
    """Its steps in a row beyond the bound."""
    precision: str = "bf16"
    """Of the autocast networks: "fp32", "bf16" or "fp16"; weights and critic stay in float32."""
    tf32: bool = True
    """On GPUs from Ampere on: products of float32 numbers with 10 bits of mantissa."""
    channels_last: bool = True
    """Memory layout of the generator."""
    compile: str = ""
    """Backend of torch.compile for the generator, as "inductor"; empty: not compiled."""
    sync_batch_norm: bool = False
    """Batch norm's statistics over the whole batch instead of each process's share."""

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise TrainingError(
                    f"{name} is {getattr(self, name)!r}; expected {' or '.join(choices)}"
                )
        for name in (
            "batch",
            "steps",
            "critic_every",
            "critic_patience",
            "critic_bound",
            "learning_rate",
            "critic_learning_rate",
        ):
            if not getattr(self, name) > 0:
                raise TrainingError(f"{name} is {getattr(self, name)}; expected more than 0")

    @property
    def spec(self) -> Spec:
        """The generator to build."""
        return generator_spec(self.preset, self.local_pathways)

    @property
    def margin(self) -> int:
        """Crop px that the network's face input shows around the crop."""
        return self.spec.margin if isinstance(self.spec, FlowSpec) else 0

    def with_settings(self, settings: Sequence[str]) -> TrainConfig:
        """The configuration with `key=value` settings applied.

        Raises:
            TrainingError: an unknown key, or a value of the wrong type.
        """
        values: dict[str, Any] = {}
        for setting in settings:
            key, found, text = setting.partition("=")
            if not found:
                raise TrainingError(f"--set {setting}: expected key=value")
            values[key] = _parse(key, text)
        return replace_checked(self, values)


def generator_spec(preset: str, local_pathways: bool) -> Spec:
    """The table of a preset, without channels for local pathways if they are left out."""
    spec = PRESETS[preset]
    if local_pathways:
        return spec
    if isinstance(spec, FlowSpec):
        return dataclasses.replace(spec, local=())
    return dataclasses.replace(spec, local=())


def replace_checked(config: TrainConfig, values: dict[str, Any]) -> TrainConfig:
    """`config` with `values`; unknown keys and wrong types are refused."""
    fields = {field.name: field for field in dataclasses.fields(TrainConfig)}
    for key, value in values.items():
        if key not in fields:
            raise TrainingError(f"unknown setting {key!r}; known: {', '.join(fields)}")
        expected = type(getattr(config, key))
        exact = type(value) is expected or (expected is float and type(value) is int)
        if not exact:
            raise TrainingError(f"{key} is {value!r}; expected a value of type {expected.__name__}")
    return dataclasses.replace(config, **values)


def load_config(name: str, settings: Sequence[str] = ()) -> TrainConfig:
    """A configuration by name (`train/configs/NAME.json`) or by path."""
    path = Path(name)
    if path.suffix != ".json":
        path = CONFIGS / f"{name}.json"
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.json")))
        raise TrainingError(f"no configuration at {path}; known by name: {known}") from None
    except json.JSONDecodeError as error:
        raise TrainingError(f"{path} is not JSON: {error}") from None
    return replace_checked(TrainConfig(), values).with_settings(settings)


def _parse(key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
