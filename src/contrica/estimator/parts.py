"""From the names that the estimator takes to the parts that they stand for.

"infonce" "nce" "scl" "nwj"                       losses
"laplace" "normal" "generalised_normal"           sum |t|^p with p = 1, 2, 3
"correlated_normal"                               t^T W t, W learned
"sphere"                                          codes on a sphere, concentration learned
"mlp" "conv"                                      encoders of vectors and of square images
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from contrica import _checks
from contrica.critics import Critic
from contrica.dissimilarities import Dissimilarity, Mahalanobis, PowerSum, SphereDot
from contrica.encoders import MLP, Conv, ScalarNet, SphereOutput
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.losses import NCE, NWJ, SCL, InfoNCE, Loss

LOSSES: dict[str, Callable[[], Loss]] = {"infonce": InfoNCE, "nce": NCE, "scl": SCL, "nwj": NWJ}

DISSIMILARITIES: dict[str, Callable[[int], Dissimilarity]] = {
    "laplace": lambda dim: PowerSum(dim, exponent=1.0),
    "normal": lambda dim: PowerSum(dim, exponent=2.0),
    "generalised_normal": lambda dim: PowerSum(dim, exponent=3.0),
    "flat": lambda dim: PowerSum(dim, exponent=6.0),
    "correlated_normal": Mahalanobis,
    "sphere": lambda dim: SphereDot(concentration=float(dim), learnable_concentration=True),
}

SELECT = "select"
"""In place of a dissimilarity: the held-out rows choose one."""

ENCODERS = ("auto", "mlp", "conv")

EncoderFactory = Callable[..., nn.Module]
"""Called with the columns of X (or the shape of an image), the number of codes, and ``generator=``."""


def dtype_of(module: object) -> torch.dtype:
    """Return the dtype in which a module computes, that of its first floating parameter; float32 if there is none."""
    parameters = module.parameters() if isinstance(module, nn.Module) else ()
    return next((parameter.dtype for parameter in parameters if parameter.is_floating_point()), torch.float32)


def loss_of(loss: str | Loss) -> Loss:
    """Return the loss of that name, or the loss itself."""
    if isinstance(loss, Loss):
        return loss
    return LOSSES[_checks.choice(loss, "loss", tuple(LOSSES))]()


def dissimilarity_of(dissimilarity: object, dim: int, *, flat: bool) -> Any:
    """Return the dissimilarity of that name for ``dim`` codes, or a copy of the one that was given.

    "auto" is flat where pairs differ evenly up to a limit, and pointed elsewhere: an exponent on the other side of 2
    than that of the pairs would turn the axes. "select" has squared distances to start from.
    """
    if dissimilarity == "auto":
        dissimilarity = "flat" if flat else "laplace"
    if dissimilarity == SELECT:
        dissimilarity = "normal"
    if not isinstance(dissimilarity, str):
        if not callable(dissimilarity):
            raise DtypeError(f"dissimilarity must be a name or callable, got {type(dissimilarity).__name__}; pass one")
        made_for = getattr(dissimilarity, "dim", dim)
        if made_for != dim:
            raise ShapeError(f"dissimilarity must be made for n_components = {dim} codes, got one for {made_for}")
        return copy.deepcopy(dissimilarity)
    return DISSIMILARITIES[_checks.choice(dissimilarity, "dissimilarity", ("auto", SELECT, *DISSIMILARITIES))](dim)


def encoder_of(
    encoder: str | nn.Module | EncoderFactory,
    start: Tensor,
    dim: int,
    *,
    widths: Sequence[int] | None,
    on_sphere: bool,
    generator: torch.Generator,
) -> nn.Module:
    """Return the encoder as it starts, for observations like ``start``.

    Raises
    ------
    DomainError, DtypeError, ShapeError
        If there is no encoder of that name for such observations, or what was given does not encode them.
    """
    if isinstance(encoder, nn.Module):
        built = copy.deepcopy(encoder)
    elif isinstance(encoder, str):
        built = _built(encoder, start, dim, widths, SphereOutput(dim) if on_sphere else None, generator)
    elif callable(encoder):
        shape = tuple(start.shape[1:])
        built = encoder(shape[0] if len(shape) == 1 else shape, dim, generator=generator)
        if not isinstance(built, nn.Module):
            raise DtypeError(f"encoder must return a torch module when called, got {type(built).__name__}; return one")
    else:
        raise DtypeError(f"encoder must be a name, a module or a callable, got {type(encoder).__name__}; pass one")
    if widths is not None and not isinstance(encoder, str):
        raise DomainError("widths are those of a named encoder, got an encoder of your own too; leave widths out")
    if not isinstance(encoder, nn.Module) and isinstance(built, MLP | Conv):
        built.start_from(start)
    _check_codes(built, start, dim)
    return built


def critic_of(dissimilarity: Any, loss: Loss, start: Tensor, *, offsets: bool, generator: torch.Generator) -> Critic:
    """Return the critic as it starts, with the offsets that ``loss`` needs to reach its optimum.

    InfoNCE is free of whatever depends on the side that asks alone; the others need both offsets and the bias.
    """
    if not isinstance(offsets, bool):
        raise DtypeError(f"offsets must be True or False, got {offsets!r}; pass one of them")
    asking = loss.direction if isinstance(loss, InfoNCE) else None

    def offset(*, wanted: bool) -> ScalarNet | None:
        if not (wanted and offsets):
            return None
        network = ScalarNet(start.shape[1:], generator=generator)
        network.start_from(start)
        return network

    return Critic(
        dissimilarity,
        anchor_offset=offset(wanted=asking != "rows"),
        candidate_offset=offset(wanted=asking != "columns"),
        bias=offsets and asking is None,
    )


def _built(
    name: str,
    start: Tensor,
    dim: int,
    widths: Sequence[int] | None,
    output: SphereOutput | None,
    generator: torch.Generator,
) -> nn.Module:
    _checks.choice(name, "encoder", ENCODERS)
    shape = tuple(start.shape[1:])
    if name == "auto":
        name = "mlp" if len(shape) == 1 else "conv"
    settings: dict[str, Any] = {} if widths is None else {"widths": widths}
    if name == "mlp" and len(shape) == 1:
        return MLP(shape[0], dim, output=output, generator=generator, **settings)
    if name == "conv" and len(shape) == 3 and shape[1] == shape[2]:
        return Conv(shape[0], shape[1], dim, output=output, generator=generator, **settings)
    raise ShapeError(
        "the encoder 'mlp' takes rows of numbers and 'conv' images of shape (channels, size, size), got"
        f" {name!r} for rows of shape {shape}; pass a module of your own"
    )


def named_device(device: str | torch.device) -> torch.device:
    """Return the device of that name; "auto" is a CUDA device where there is one, and the CPU otherwise."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise DomainError(f"device must be 'auto' or one that torch knows, got {device!r}; pass 'cpu'") from error


@torch.no_grad()
def _check_codes(encoder: nn.Module, start: Tensor, dim: int) -> None:
    encoder.eval()
    codes = encoder(start[:2])
    if not isinstance(codes, Tensor) or codes.shape != (len(start[:2]), dim) or not codes.is_floating_point():
        got = tuple(codes.shape) if isinstance(codes, Tensor) else type(codes).__name__
        raise ShapeError(
            f"encoder must give floating codes of shape (rows, n_components) = ({len(start[:2])}, {dim}), got {got};"
            " change its last layer or n_components"
        )
