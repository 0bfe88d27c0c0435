"""Critic: the discriminator, its optimizer and its losses."""

from __future__ import annotations

import torch
from torch import Tensor, nn, optim

from ..networks.discriminator import Discriminator
from . import losses
from .config import TrainConfig
from .distributed import Ranks, mean_gradients


class Critic(nn.Module):
    """A discriminator, its optimizer and its losses.

    Runs in float32: the penalties differentiate twice and lose their meaning in 16 bits.
    """

    def __init__(self, config: TrainConfig, among: Ranks) -> None:
        super().__init__()
        self.config, self.among = config, among
        self.network = Discriminator(config.critic_width, config.critic_spectral_norm)
        self.network.to(among.device)
        self.optimizer = optim.Adam(
            self.network.parameters(), lr=config.critic_learning_rate, betas=(config.beta1, 0.999)
        )

    def forward(self, fake: Tensor) -> Tensor:
        """The generator's adversarial loss on (N, 3, 128, 128) pictures."""
        self.network.requires_grad_(False)
        logits = self.network(fake.float())
        if self.config.adversarial_kind == "logistic":
            return losses.logistic_generator(logits)
        return losses.wasserstein_generator(logits)

    def learn(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One step of its own; returns its losses by name."""
        self.network.requires_grad_(True)
        terms = self._losses(real, fake.detach().float())
        weights = {"critic": 1.0, "penalty": self.config.penalty, "r1": self.config.critic_r1}
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack([weights[name] * term for name, term in terms.items()]).sum().backward()
        mean_gradients(self.network, self.among)
        self.optimizer.step()
        return terms

    def _losses(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        logits_real, logits_fake = self.network(real), self.network(fake)
        if self.config.adversarial_kind == "logistic":
            terms = {"critic": losses.logistic_critic(logits_real, logits_fake)}
        else:
            mix = self.among.own(torch.rand(len(real) * self.among.count, 1, 1, 1))
            terms = {
                "critic": losses.wasserstein_critic(logits_real, logits_fake),
                "penalty": losses.gradient_penalty(self.network, real, fake, mix),
            }
        if self.config.critic_r1:
            terms["r1"] = losses.r1_penalty(self.network, real)
        return terms
