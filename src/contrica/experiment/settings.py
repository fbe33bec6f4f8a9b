"""What an experiment is: a frozen value from which every number of its run follows, seed and named streams included."""

import dataclasses
import zlib
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from contrica.datasets.photographs import photograph
from contrica.dissimilarities import Dissimilarity
from contrica.encoders import Output
from contrica.encoders.layers import NEGATIVE_SLOPE
from contrica.encoders.whitening import whitening
from contrica.latents import LatentModel
from contrica.losses import Loss
from contrica.mixing import Camera, Fold, InvertibleMLP
from contrica.pairs import NeighbourhoodPairs, PairSource
from contrica.pairs.neighbourhood import NeighbourhoodForm
from contrica.record import plain
from contrica.training import TrainingOptions


@dataclass(frozen=True)
class MLPMixing:
    """Mix by a seeded invertible MLP with well-conditioned layers; observations are vectors."""

    num_layers: int = 3
    candidates: int = 25_000
    is_injective: ClassVar[bool] = True

    def build(self, latent_dim: int, generator: torch.Generator) -> nn.Module:
        """Draw the mixing."""
        return InvertibleMLP(latent_dim, num_layers=self.num_layers, candidates=self.candidates, generator=generator)


@dataclass(frozen=True)
class PhotographMixing:
    """Mix by photographing: latents are the position of a window on a picture, observations its pixels."""

    image: str = "flower.jpg"
    window: int = 160
    shown: int = 32
    is_injective: ClassVar[bool] = True

    def build(self, latent_dim: int, generator: torch.Generator) -> nn.Module:
        """Load the picture; nothing is drawn."""
        return Camera(photograph(self.image), window=self.window, shown=self.shown)


@dataclass(frozen=True)
class FoldedMixing:
    """Mix by ``mixing`` what is left of the latents after some were folded, see `contrica.mixing.Fold`."""

    mixing: MLPMixing | PhotographMixing = MLPMixing()
    factors: tuple[int, ...] = (0,)
    crease: float = 0.5
    is_injective: ClassVar[bool] = False

    def build(self, latent_dim: int, generator: torch.Generator) -> nn.Module:
        """Draw the mixing behind the fold."""
        fold = Fold(latent_dim, self.factors, crease=self.crease)
        return nn.Sequential(fold, self.mixing.build(latent_dim, generator))


@dataclass(frozen=True)
class Offsets:
    """Which extras the critic learns: alpha, alpha~, the scalar b, and whether alpha and alpha~ are one network."""

    anchor: bool = True
    candidate: bool = True
    bias: bool = True
    tied: bool = False


@dataclass(frozen=True)
class Neighbourhoods:
    """Draw batches from cells of space, from wide to narrow, see `contrica.pairs.NeighbourhoodPairs`.

    After ``plain_steps`` on plain batches, a pool of ``first_pool_size`` pairs is cut into cells; once as many pairs
    were drawn as it holds, one of twice the size takes its place, up to ``pool_size``. Cells are cut in the codes as
    they are, or in a whitening of the observations (vectors only), which costs next to nothing.
    """

    cell_size: int = 256
    pool_size: int = 1_048_576
    first_pool_size: int = 16_384
    form: NeighbourhoodForm = "within"
    coordinates: Literal["codes", "observations"] = "codes"
    plain_steps: int = 20

    def pool_sizes(self, steps: int, batch_size: int) -> dict[int, int]:
        """Return after which of ``steps`` a new pool is drawn, and of how many pairs.

        None is drawn of which less than half would be used.

        >>> Neighbourhoods(first_pool_size=4096, pool_size=8192).pool_sizes(60, 512)
        {20: 4096, 28: 8192, 44: 8192}
        """
        sizes: dict[int, int] = {}
        step, size = self.plain_steps, min(self.first_pool_size, self.pool_size)
        while steps - step >= max(1, size // (2 * batch_size)):
            sizes[step] = size
            step += max(1, size // batch_size)
            size = min(2 * size, self.pool_size)
        return sizes

    def over(self, source: PairSource, encoder: nn.Module, start: Tensor) -> NeighbourhoodPairs:
        """Return the source of batches; ``start`` is what a whitening is measured on."""
        coordinates = encoder
        if self.coordinates == "observations":
            weight, bias = (part.to(start) for part in whitening(start, start.shape[1]))
            coordinates = nn.utils.skip_init(nn.Linear, *weight.T.shape, device=start.device)
            coordinates.load_state_dict({"weight": weight, "bias": bias})
        return NeighbourhoodPairs(
            source, coordinates, cell_size=self.cell_size, pool_size=self.pool_size, form=self.form
        )


@dataclass(frozen=True)
class Selection:
    """Choose one exponent of the dissimilarity from the pairs, see `contrica.select_dissimilarity`.

    ``training`` is the first of the fits that it makes. Where pairs cannot tell, it is the exponent 2, if that is among
    ``exponents`` and as good as the best: codes are then affine in the factors, and turned by nothing.
    """

    training: TrainingOptions
    exponents: tuple[float, ...] = (1.0, 2.0, 3.0)
    num_held_out: int = 8192


@dataclass(frozen=True)
class Experiment:
    """Everything that determines a run on simulated pairs.

    Parameters
    ----------
    name : str
        Row label in tables.
    latents : LatentModel
        Law of the pairs.
    mixing : MLPMixing, PhotographMixing or FoldedMixing
        From latents to observations.
    loss : Loss
    dissimilarity : Dissimilarity
        The critic's delta as it starts; each run trains a copy.
    offsets : Offsets
    widths : tuple of int
        Hidden layers of the encoder (units, or channels for images).
    negative_slope : float
        Of the encoder's leaky rectifiers, in [0, 1).
    output : Output, optional
        The space that codes live in as it starts, and with it their number; unbounded codes, one per latent, if not
        given. Each run trains a copy.
    latent_noise, observation_noise : float
        Standard deviations of what is added to each view, see `contrica.pairs.SimulatedPairs`.
    training : TrainingOptions
    neighbourhoods : Neighbourhoods, optional
        Where given, batches are drawn from cells instead of everywhere.
    turn_steps : tuple of int
        After these steps the codes are turned to the axes along which pairs differ; for MLP encoders and power sums of
        one exponent other than 2, see `training.axes`, or of exponent 2 on the sphere, see `training.noise_axes`.
    selection : Selection, optional
        Where given, the dissimilarity is not the one above but is selected from the pairs before the fit.
    second_stage : bool
        Whether axes are sought in the codes of pairs of their own, see `contrica.resolve_axes`, and scored as well.
    num_test : int
        Held-out pairs on which codes are scored.
    seed : int
    """

    name: str
    latents: LatentModel
    mixing: MLPMixing | PhotographMixing | FoldedMixing
    loss: Loss
    dissimilarity: Dissimilarity
    offsets: Offsets = Offsets()
    widths: tuple[int, ...] = (256, 256, 256)
    training: TrainingOptions = TrainingOptions(steps=1000, batch_size=512)
    num_test: int = 8192
    seed: int = 0
    neighbourhoods: Neighbourhoods | None = None
    turn_steps: tuple[int, ...] = ()
    output: Output | None = None
    latent_noise: float = 0.0
    observation_noise: float = 0.0
    second_stage: bool = False
    selection: Selection | None = None
    negative_slope: float = NEGATIVE_SLOPE

    @property
    def is_noisy(self) -> bool:
        """Whether the views are more than functions of the latents."""
        return self.latent_noise > 0.0 or self.observation_noise > 0.0

    @property
    def code_dim(self) -> int:
        """Number of codes."""
        return self.latents.dim if self.output is None else self.output.space.dim

    def stream(self, name: str) -> torch.Generator:
        """Return a fresh generator of the named stream of this seed."""
        words = np.random.SeedSequence([self.seed, zlib.crc32(name.encode())]).generate_state(2, np.uint32)
        return torch.Generator().manual_seed(int(words[0]) << 31 ^ int(words[1]))

    def describe(self) -> dict[str, Any]:
        """Return the experiment as plain JSON values."""
        return {entry.name: plain(getattr(self, entry.name)) for entry in dataclasses.fields(self)}
