import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import DomainError, DtypeError
from contrica.training import TrainingOptions, options


def test_the_rate_climbs_in_a_line_to_the_peak():
    rates = [TrainingOptions(steps=100, learning_rate=2.0, warmup_fraction=0.2).learning_rate_at(k) for k in (1, 5, 20)]
    torch.testing.assert_close(rates, [0.1, 0.5, 2.0])


def test_the_rate_falls_along_half_a_cosine_to_its_final_share():
    chosen = TrainingOptions(steps=100, learning_rate=2.0, warmup_fraction=0.2, final_fraction=0.005)
    for step in (21, 40, 60, 99, 100):
        share = (1 + math.cos(math.pi * (step - 20) / 80)) / 2
        torch.testing.assert_close(chosen.learning_rate_at(step), 2.0 * (0.005 + 0.995 * share))
    torch.testing.assert_close(chosen.learning_rate_at(60), 2.0 * (1 + 0.005) / 2)
    torch.testing.assert_close(chosen.learning_rate_at(100), 0.01)


@given(st.integers(1, 300), st.floats(0, 0.999), st.floats(1e-6, 0.01))
def test_the_last_step_uses_the_smallest_rate_and_none_exceeds_the_peak(steps, warmup, final):
    chosen = TrainingOptions(steps=steps, learning_rate=0.3, warmup_fraction=warmup, final_fraction=final)
    rates = [chosen.learning_rate_at(step) for step in range(1, steps + 1)]
    torch.testing.assert_close(rates[-1], 0.3 * final)
    assert 0 < min(rates) <= max(rates) <= 0.3
    peak = rates.index(max(rates))
    assert rates == sorted(rates[: peak + 1]) + sorted(rates[peak + 1 :], reverse=True)


def test_options_cannot_be_changed():
    with pytest.raises(AttributeError):
        TrainingOptions().steps = 3


BAD_VALUES = [
    ("steps", 0, DomainError),
    ("steps", 10.0, DtypeError),
    ("steps", True, DtypeError),
    ("batch_size", 1, DomainError),
    ("batch_size", "64", DtypeError),
    ("negatives", "all", DomainError),
    ("learning_rate", 0.0, DomainError),
    ("learning_rate", math.nan, DomainError),
    ("learning_rate", "fast", DtypeError),
    ("offset_learning_rate_factor", -1.0, DomainError),
    ("dissimilarity_learning_rate_factor", 0.0, DomainError),
    ("betas", (0.9, 1.0), DomainError),
    ("betas", (-0.1, 0.9), DomainError),
    ("betas", (0.9,), DtypeError),
    ("betas", 0.9, DtypeError),
    ("weight_decay", -1e-3, DomainError),
    ("weight_decay", math.inf, DomainError),
    ("warmup_fraction", 1.0, DomainError),
    ("warmup_fraction", -0.1, DomainError),
    ("final_fraction", 0.02, DomainError),
    ("final_fraction", 0.0, DomainError),
    ("clip_norm", 0.0, DomainError),
    ("clip_norm", math.inf, DomainError),
    ("autocast", 1, DtypeError),
]


@pytest.mark.parametrize(("name", "value", "error"), BAD_VALUES)
def test_a_value_outside_its_range_is_refused_by_name(name, value, error):
    with pytest.raises(error, match=name):
        TrainingOptions(**{name: value})


@pytest.mark.parametrize(
    ("asked", "native", "dtype"), [(True, True, torch.bfloat16), (True, False, None), (False, True, None)]
)
def test_the_encoder_runs_in_bfloat16_where_it_is_asked_for_and_native(monkeypatch, asked, native, dtype):
    monkeypatch.setattr(options, "_cpu_has_bfloat16", lambda: native)
    assert TrainingOptions(autocast=asked).encoder_dtype(torch.device("cpu")) is dtype


@pytest.mark.parametrize("name", ["avx512_bf16", "amx_bf16", "bf16"])
def test_a_processor_says_by_its_capabilities_whether_bfloat16_is_native(monkeypatch, name):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {name: True}, raising=False)
    assert options._cpu_has_bfloat16()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {name: False, "avx2": True})
    assert not options._cpu_has_bfloat16()
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not options._cpu_has_bfloat16()


def test_a_device_of_unknown_kind_gets_no_bfloat16():
    assert TrainingOptions(autocast=True).encoder_dtype(torch.device("meta")) is None
