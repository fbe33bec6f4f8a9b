"""A guarantee in words: what stays undetermined, because of which step of the proof, on which conditions, by whom."""

from dataclasses import dataclass
from enum import Enum

ISOMETRY = "Mazur, Ulam 1932; Mankiewicz 1972 (isometries between open connected sets of R^n are affine)"
EMBEDDING = "Baker 1971 (isometries into a strictly convex space are affine)"
LP_AXES = "Banach 1932; Lamperti 1958 (linear isometries of l_p, p != 2, are signed permutations)"
FRAMEWORK = "Matthes, Han, Shen 2023 (four losses, any marginal, offsets)"
BOX_AND_SPHERE = "Zimmermann, Sharma, Schneider, Bethge, Brendel 2021 (sphere, and l_p on convex bodies)"
LINEAR_SYSTEMS = "Gonzalez Laiz, Schmidt, Schneider 2025, theorem 1 (correlated normal noise is whitened)"
ANISOTROPIC_SPHERE = (
    "Rusak, Reizinger, Juhos, Bringmann, Zimmermann, Brendel 2025 (sphere, one concentration per factor)"
)

ONE_ENCODER = "the mixing is injective and both views go through one encoder"
GLOBAL_OPTIMUM = "the loss is at its global optimum over all encoders and offsets, on unlimited data"
CONDITIONS = (ONE_ENCODER, GLOBAL_OPTIMUM)


class Indeterminacy(Enum):
    """The transformations of the latents that no amount of data can exclude."""

    SIGNED_PERMUTATION = "order, sign and shift of the factors"
    SCALED_PERMUTATION = "order, sign, scale and shift of the factors"
    REPEATED_FACTORS = "order, sign, scale and shift of the factors, and how many codes repeat each"
    BLOCKS = "order of the blocks, and a rotation or reflection and a shift within each"
    ORTHOGONAL = "a rotation or reflection, and a shift"
    AFFINE = "an invertible affine map"


@dataclass(frozen=True)
class Guarantee:
    """What is recovered at the optimum, and what that rests on.

    Parameters
    ----------
    indeterminacy : Indeterminacy
        What stays undetermined.
    because : str
        The step of the proof that singles the class out.
    conditions : tuple of str
        What must hold besides; nobody can check these from the latent model alone.
    citations : tuple of str
    """

    indeterminacy: Indeterminacy
    because: str
    conditions: tuple[str, ...]
    citations: tuple[str, ...]

    @property
    def axes_identified(self) -> bool:
        """Whether single codes may be read as single factors."""
        return self.indeterminacy in (
            Indeterminacy.SIGNED_PERMUTATION,
            Indeterminacy.SCALED_PERMUTATION,
            Indeterminacy.REPEATED_FACTORS,
        )

    def __str__(self) -> str:
        """State the guarantee in plain words."""
        return "\n".join(
            [
                f"The factors are recovered up to {self.indeterminacy.value}, because {self.because}, provided that",
                *(f"  - {condition}" for condition in self.conditions),
                "See",
                *(f"  - {citation}" for citation in self.citations),
            ]
        )
