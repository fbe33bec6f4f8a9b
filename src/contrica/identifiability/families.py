"""Dissimilarities by their geometry: powers of one norm, and whether a model's family contains the pair law's.

weight ||t||_p^k,      sum_i weight_i |t_i|^p  where k = p
"""

from dataclasses import dataclass

from contrica.dissimilarities import Dissimilarity, Mahalanobis, NormPower, PowerSum, SquaredEuclidean
from contrica.errors import NotIdentifiableError


@dataclass(frozen=True)
class Family:
    """A dissimilarity by its geometry: ``weight-scaled ||t||_norm^power``, summed over factors where power = norm."""

    norm: float
    power: float
    isotropic: bool
    learned_exponent: bool = False

    @property
    def is_sum(self) -> bool:
        """Whether each factor adds a term of its own, which may then have a scale of its own."""
        return self.norm == self.power


def family(dissimilarity: Dissimilarity, name: str) -> Family:
    """Return the family of the dissimilarity called ``name`` in messages, or raise NotIdentifiableError."""
    match dissimilarity:
        case PowerSum():
            learned = dissimilarity.fixed_exponent is None and dissimilarity.log_exponent.requires_grad
            exponents = dissimilarity.exponent.detach()
            if not learned and dissimilarity.fixed_exponent is None:
                raise NotIdentifiableError(
                    f"assumption 'one norm' fails: the {name} mixes exponents {exponents.tolist()}; use a single one"
                )
            exponent = round(float(exponents[0]), 9)
            isotropic = not dissimilarity.log_weights.requires_grad and len(set(dissimilarity.weights.tolist())) == 1
            return Family(exponent, exponent, isotropic, learned_exponent=learned)
        case SquaredEuclidean():
            return Family(2.0, 2.0, isotropic=True)
        case Mahalanobis():
            return Family(2.0, 2.0, isotropic=False)
        case NormPower():
            return Family(dissimilarity.norm_exponent, dissimilarity.power, isotropic=True)
        case _:
            raise NotIdentifiableError(
                f"assumption 'a dissimilarity with a known isometry group' fails: the {name} uses"
                f" {type(dissimilarity).__name__}; use PowerSum, NormPower, SquaredEuclidean, Mahalanobis, SphereDot or"
                " a BlockSum of these"
            )


def families_match(data: Family, model: Family) -> None:
    """Refuse a model whose family does not contain the pair law, saying what is to be expected of it."""
    if (data.norm, data.power) == (model.norm, model.power) and data.norm >= 1.0 and not model.learned_exponent:
        if not data.is_sum and not (data.isotropic and model.isotropic):
            raise NotIdentifiableError(
                "assumption 'the model contains the pair law' fails: a power of a norm needs one scale for all factors"
            )
        return
    if data.norm < 1.0:
        raise NotIdentifiableError(
            f"assumption 'delta is an increasing function of a norm' fails: exponent {data.norm:g} < 1 gives no norm;"
            " the theorem is silent here"
        )
    if 2.0 in (data.norm, model.norm) and data.norm != model.norm:
        advice = "no axes: normal noise has none to give, and a normal model sees none"
    elif (data.norm < 2.0) != (model.norm < 2.0):
        advice = "worse than none: an exponent on the wrong side of 2 prefers mixed axes"
    else:
        advice = "axes that are right in calculations, on the same side of 2, but not by a theorem"
    raise NotIdentifiableError(
        f"assumption 'the model contains the pair law' fails: pairs have ||t||_{data.norm:g}^{data.power:g}, the model"
        f" ||t||_{model.norm:g}^{model.power:g}; expect {advice}; use the pair law's exponents or learn them"
    )
