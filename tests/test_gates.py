"""Each gate is shown one violation in a copy of the sources, and must name it; the copy without it must pass."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Violation:
    """Text added to the end of a file, the gate that must fail, and what its output must say."""

    name: str
    gate: str
    file: str
    text: str
    says: str


FITTING = """
import torch

from contrica.spaces import sphere


def test_sums():
    sphere.row_sums(torch.ones(3, 2))
"""

SHAPED = '''
from jaxtyping import Float


def row_sums(codes: Float[Tensor, "batch code_dim"]) -> Float[Tensor, " batch"]:
    """Sum the columns."""
    return codes.sum(-1)
'''

MADE_BY_A_TOOL = [
    Violation("stray utils", "layers", "src/contrica/utils.py", '"""Everything else."""\n', "contrica.utils"),
    Violation(
        "import upwards",
        "layers",
        "src/contrica/spaces/sphere.py",
        "\nimport contrica.latents\n",
        "contrica.spaces is not allowed to import contrica.latents",
    ),
    Violation(
        "loss sees the truth",
        "layers",
        "src/contrica/losses/__init__.py",
        "\nimport contrica.latents\n",
        "contrica.losses -> contrica.latents",
    ),
    Violation("print", "lint", "src/contrica/spaces/sphere.py", '\nprint("here")\n', "T201"),
    Violation(
        "blind except",
        "lint",
        "src/contrica/spaces/sphere.py",
        "\ntry:\n    int()\nexcept Exception:\n    int(1)\n",
        "BLE001",
    ),
    Violation("commented-out code", "lint", "src/contrica/spaces/sphere.py", "\n# side = high - low\n", "ERA001"),
    Violation(
        "numpy's global seed",
        "lint",
        "src/contrica/spaces/sphere.py",
        "\nimport numpy as np\n\nnp.random.seed(0)\n",
        "NPY002",
    ),
    Violation("torch's global seed", "lint", "src/contrica/spaces/sphere.py", "\ntorch.manual_seed(0)\n", "TID251"),
    Violation(
        "no docstring",
        "lint",
        "src/contrica/spaces/sphere.py",
        "\n\ndef volume(sphere: Sphere) -> float:\n    return 1.0\n",
        "D103",
    ),
    Violation("semicolon in a test", "lint", "tests/test_shapes.py", "\nunused = 1;\n", "E703"),
    Violation("loose layout", "format-check", "src/contrica/spaces/sphere.py", "\nSIDES = { 'low':0 }\n", "sphere.py"),
    Violation(
        "untyped def",
        "types",
        "src/contrica/spaces/sphere.py",
        '\n\ndef volume(box):\n    """Return it."""\n    return box.dim\n',
        "no-untyped-def",
    ),
]

MADE_BY_PYTEST = [
    Violation(
        "wrong doctest",
        "src/contrica/spaces/sphere.py",
        "src/contrica/spaces/sphere.py",
        '\n\ndef three() -> int:\n    """Return it.\n\n    >>> three()\n    4\n    """\n    return 3\n',
        "Expected:\n    4\nGot:\n    3",
    ),
    Violation(
        "wrong shape",
        "tests/test_planted.py",
        "tests/test_planted.py",
        FITTING.replace("3, 2", "3"),
        "TypeCheckError",
    ),
    Violation(
        "warning",
        "tests/test_planted.py",
        "tests/test_planted.py",
        'import warnings\n\n\ndef test_warns():\n    warnings.warn("planted", stacklevel=1)\n',
        "UserWarning: planted",
    ),
    Violation(
        "unknown marker",
        "tests/test_planted.py",
        "tests/test_planted.py",
        "import pytest\n\n\n@pytest.mark.sloow\ndef test_nothing():\n    pass\n",
        "'sloow' not found in `markers`",
    ),
]


def copied_house(folder):
    for name in ("pyproject.toml", "Makefile", "tests/conftest.py", "tests/shapes.py", "tests/test_shapes.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    return folder


def plant(house, violation):
    path = house / violation.file
    path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + violation.text, encoding="utf-8")


def ran(command, house):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MAKE"))}
    environment.pop("MFLAGS", None)
    environment |= {"PYTHONPATH": str(house / "src"), "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    finished = subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, check=False)
    return finished.returncode, finished.stdout + finished.stderr


def gate(target, house):
    """Run one target of the Makefile in the copy, with the tools of this environment."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    return ran(["make", "--no-print-directory", target, "READY=", f"BIN={BIN}"], house)


def run_by_pytest(file, house):
    return ran([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", file], house)


@pytest.fixture
def house(tmp_path):
    return copied_house(tmp_path)


@pytest.mark.parametrize("target", ["lint", "format-check", "layers"])
def test_the_copy_passes_without_a_violation(target, house):
    code, output = gate(target, house)
    assert code == 0, output


@pytest.mark.parametrize(
    "violation", [case for case in MADE_BY_A_TOOL if case.gate != "types"], ids=lambda case: case.name
)
def test_the_gate_names_the_violation(violation, house):
    plant(house, violation)
    code, output = gate(violation.gate, house)
    assert code != 0, output
    assert violation.says in output


def test_types_pass_without_a_violation_and_name_one(house):
    """Both halves share one tree, because the checker's cache makes the second one fast."""
    code, output = gate("types", house)
    assert code == 0, output
    (violation,) = [case for case in MADE_BY_A_TOOL if case.gate == "types"]
    plant(house, violation)
    code, output = gate("types", house)
    assert code != 0, output
    assert violation.says in output


def test_shapes_and_doctests_pass_without_a_violation(house):
    with (house / "src/contrica/spaces/sphere.py").open("a", encoding="utf-8") as file:
        file.write(SHAPED)
    (house / "tests/test_planted.py").write_text(FITTING, encoding="utf-8")
    for file in ("tests/test_planted.py", "src/contrica/spaces/sphere.py"):
        code, output = run_by_pytest(file, house)
        assert code == 0, output


@pytest.mark.parametrize("violation", MADE_BY_PYTEST, ids=lambda case: case.name)
def test_pytest_names_the_violation(violation, house):
    with (house / "src/contrica/spaces/sphere.py").open("a", encoding="utf-8") as file:
        file.write(SHAPED)
    plant(house, violation)
    code, output = run_by_pytest(violation.gate, house)
    assert code != 0, output
    assert violation.says in output
