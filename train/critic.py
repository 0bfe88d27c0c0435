"""The discriminator's half of the training."""

from __future__ import annotations

import torch
from torch import Tensor, nn, optim

from . import losses
from .config import TrainConfig
from .networks.discriminator import Discriminator
from .parallel import Ranks, mean_gradients


class Critic(nn.Module):
    """A discriminator, its optimizer and its losses.

    Runs in float32: the gradient penalty differentiates twice and loses its meaning in bfloat16.
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.network = Discriminator(config.critic_width)
        self.optimizer = optim.Adam(
            self.network.parameters(), lr=config.critic_learning_rate, betas=(config.beta1, 0.999)
        )

    def learn(self, real: Tensor, fake: Tensor, among: Ranks) -> dict[str, float]:
        """One step on (N, 3, 128, 128) pictures; returns its losses by name."""
        fake = fake.detach().float()
        self.network.requires_grad_(True)
        logits_real, logits_fake = self.network(real), self.network(fake)
        if self.config.adversarial_kind == "logistic":
            terms = {"critic": losses.logistic_critic(logits_real, logits_fake)}
        else:
            mix = torch.rand(real.shape[0], 1, 1, 1)
            terms = {
                "critic": losses.wasserstein_critic(logits_real, logits_fake),
                "penalty": losses.gradient_penalty(self.network, real, fake, mix),
            }
        total = terms["critic"] + self.config.penalty * terms.get("penalty", torch.zeros(()))
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        mean_gradients(self.network, among)
        self.optimizer.step()
        return {name: term.item() for name, term in terms.items()}

    def judge(self, fake: Tensor) -> Tensor:
        """The generator's adversarial loss."""
        self.network.requires_grad_(False)
        logits = self.network(fake.float())
        if self.config.adversarial_kind == "logistic":
            return losses.logistic_generator(logits)
        return losses.wasserstein_generator(logits)
