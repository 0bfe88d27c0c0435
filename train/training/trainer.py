"""Trainer: all state that a step changes and a checkpoint holds, and the step itself."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn, optim

from tpgan_sdk.errors import TrainingError

from ..data.example import Example, ExampleSet
from ..networks import FlowGenerator, Frontal, FrontalFlow, GeneratorSpec, build
from ..recognisers import Recogniser
from . import checkpoint, device
from .batch_norm import sync_batch_norm
from .config import TrainConfig
from .critic import Critic
from .distillation import Teacher
from .distributed import ALONE, Ranks, mean_gradients, mean_values
from .init_from_onnx import SAMPLE, start_from_model
from .objective import OTHERS, Objective
from .schedule import learning_rate
from .step_timer import StepTimer


class Trainer:
    """Networks, averaged weights, optimizers and the count of steps.

    Random numbers are drawn from torch's generator of the CPU alone, whatever the device: its one
    state brings them all back.
    """

    def __init__(
        self,
        config: TrainConfig,
        classes: int,
        recogniser: Recogniser | None = None,
        teacher: Teacher | None = None,
        among: Ranks = ALONE,
        step_timer: StepTimer | None = None,
    ) -> None:
        """
        Args:
            classes: people in the data, for the cross-entropy.

        Raises:
            TrainingError: a loss lacks its recogniser or its teacher.
        """
        if bool(config.distill) != (teacher is not None):
            raise TrainingError(
                f"distill is {config.distill} and there is {'a' if teacher else 'no'} teacher; "
                "distillation needs both: --teacher CHECKPOINT and --set distill=1"
            )
        self.config, self.among, self.step = config, among, 0
        self.classes = classes if config.cross_entropy else 0
        device.prepare(among.device, config)
        self.network = build(config.spec, self.classes)
        device.lay_out(self.network, among.device, config.channels_last)
        self.averaged = copy.deepcopy(self.network).eval().requires_grad_(False)
        if config.sync_batch_norm:
            sync_batch_norm(self.network, among)
        betas = (config.beta1, 0.999)
        self.optimizer = optim.Adam(self._groups(), config.learning_rate, betas)
        self.objective = Objective(config, recogniser).to(among.device)
        self.teacher = teacher.to(among.device) if teacher else None
        self.critic = Critic(config, among) if config.adversarial else None
        self.scaler = torch.amp.GradScaler(among.device.type, enabled=config.precision == "fp16")
        self.step_timer = step_timer or StepTimer()
        self.generate = self._compiled()
        self._watch()

    def learn(self, batch: Example, done: float) -> dict[str, float]:
        """One step.

        Args:
            batch: this process's share, on its device.
            done: part of the run that lies behind, 0 to 1.

        Returns:
            The losses, unweighted, means over all processes.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.step, done) * self._factor(group)
        adversary = self.critic if self.step >= self.config.adversarial_after else None
        with self.step_timer("generator"):
            result, terms = self._forward(batch, adversary)
            self._backward(self.objective.total(terms))
        if adversary is not None and self.step % self.config.critic_every == 0:
            with self.step_timer("critic"):
                terms |= adversary.learn(batch["target"], result.image)
        with self.step_timer("generator"):
            average(self.averaged, self.network, min(self.config.ema, decay_at(self.step)))
            self.step += 1
            return mean_values(terms, self.among)

    def remember(self, examples: ExampleSet) -> None:
        """Lets the identity contrast know other people's faces, where it is wanted."""
        if self.config.identity_contrast:
            others = device.placed(examples.sample(OTHERS), self.among.device)
            self.objective.remember(others["target"], others["identity"])

    def start_from(self, source: Path, examples: ExampleSet) -> None:
        """Begins with the averaged weights of another run, or with an exported model.

        Args:
            source: folder of a checkpoint, an exported ONNX, or the name of a packaged model.
            examples: the run's data, on which an exported model's batch norms are measured.

        Raises:
            ModelError: no such model.
            TrainingError: no checkpoint there, or one of another architecture.
        """
        named = len(source.parts) == 1 and not source.exists()
        if source.suffix == ".onnx" or named:
            seen = device.placed(examples.sample(SAMPLE), self.among.device)
            start_from_model(source, self.network, seen)
        else:
            checkpoint.start_from(source, self.network)
        self.averaged.load_state_dict(self.network.state_dict())

    def restore(self, folder: Path, state: checkpoint.CheckpointState) -> None:
        """Goes on where `state`, of the checkpoint in `folder`, left off.

        Raises:
            TrainingError: the checkpoint has not what the configuration asks for.
        """
        checkpoint.restore(folder, self.modules, self.optimizers)
        self.scaler.load_state_dict(state.scaler)
        self.step = state.step

    @property
    def modules(self) -> dict[str, nn.Module]:
        """What a checkpoint holds, by file name."""
        modules: dict[str, nn.Module] = {checkpoint.WEIGHTS: self.averaged, "raw": self.network}
        return modules | ({"critic": self.critic.network} if self.critic else {})

    @property
    def optimizers(self) -> checkpoint.Optimizers:
        """The same for the optimizers."""
        own: checkpoint.Optimizers = {"optimizer": (self.network, self.optimizer)}
        if self.critic is not None:
            own["critic_optimizer"] = (self.critic.network, self.critic.optimizer)
        return own

    def _forward(
        self, batch: Example, adversary: Critic | None
    ) -> tuple[Frontal | FrontalFlow, dict[str, Tensor]]:
        self.network.train()
        if isinstance(self.network, FlowGenerator):
            self.network.fetch_only = self._fetch_only
        face, *patches = (self._laid_out(batch[name]) for name in self.network.inputs)
        noise = self._noise()
        # The recogniser too: its gradient is as good in 16 bits and costs half.
        with device.autocast(self.among.device, self.config.precision):
            result = self.generate(face, patches, noise)
            taught = self.teacher(face, patches) if self.teacher else None
            terms = self.objective(result, batch, self.step, taught, self._jitter())
        if adversary is not None:
            terms["adversarial"] = adversary(_judged(result))
        return result, terms

    def _backward(self, total: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(total).backward()
        mean_gradients(self.network, self.among)
        if self.config.clip:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def _noise(self) -> Tensor | None:
        spec = self.config.spec
        if not self.config.noise or not isinstance(spec, GeneratorSpec):
            return None
        whole = torch.randn(self.config.batch, spec.noise)
        return self.among.own(whole * self.config.noise)

    def _jitter(self) -> Tensor | None:
        """(N, 3) zoom and shifts, in parts of half the crop, of this process's pictures."""
        if not self.config.identity_jitter:
            return None
        whole = torch.rand(self.config.batch, 3) * 2 - 1
        return self.among.own(whole * self.config.identity_jitter)

    def _laid_out(self, picture: Tensor) -> Tensor:
        last = self.config.channels_last
        return picture.contiguous(
            memory_format=torch.channels_last if last else torch.contiguous_format
        )

    @property
    def _fetch_only(self) -> bool:
        return self.step < self.config.fetch_only_until

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters by learning rate: the global pathway of a flow generator has its own."""
        if not isinstance(self.network, FlowGenerator):
            return [{"params": list(self.network.parameters())}]
        own = list(self.network.pathway.parameters())
        others = [p for n, p in self.network.named_parameters() if not n.startswith("pathway.")]
        return [{"params": own, "factor": self.config.flow_learning_rate}, {"params": others}]

    def _factor(self, group: dict[str, Any]) -> float:
        factor: float = group.get("factor", 1.0)
        return 1.0 if self._fetch_only else factor

    def _compiled(self) -> Callable[..., Frontal | FrontalFlow]:
        # The weights keep their names: only the call goes through the compiled form.
        backend = self.config.compile
        return torch.compile(self.network, backend=backend) if backend else self.network

    def _watch(self) -> None:
        if self.objective.recogniser is not None:
            self.step_timer.watch("identity", self.objective.recogniser)
        if self.critic is not None:
            self.step_timer.watch("critic", self.critic)


def _judged(result: Frontal | FrontalFlow) -> Tensor:
    """The picture as the discriminator's loss sees it.

    What is fetched is a photo already, with a photo's grain: the loss teaches what is drawn alone.
    """
    if isinstance(result, FrontalFlow):
        return result.image.detach() + result.drawn - result.drawn.detach()
    return result.image


def decay_at(step: int) -> float:
    """Of the averaged weights in the first steps, when there is little to average."""
    return (step + 1) / (step + 10)


@torch.no_grad()
def average(into: nn.Module, source: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights; buffers are averaged where they are floats."""
    for mean, value in zip(into.state_dict().values(), source.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)
