import ast
import functools
import re
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from importlib import metadata
from pathlib import Path

import pytest

from contrica.record import NUMBERS

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "contrica"
SOURCES = sorted(PACKAGE.rglob("*.py"))

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc", "tools"}
PICKLING = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve"}
NETWORK = {"ftplib", "http", "httpx", "requests", "socket", "urllib", "urllib3"}


@functools.cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported_modules(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module


def imported_packages(tree):
    return {module.partition(".")[0] for module in imported_modules(tree)}


def long_bodies(path):
    """The bodies of at least five lines and two statements, docstrings left out, each with the place it stands."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if len(body) >= 2 and body[-1].end_lineno - body[0].lineno >= 4:
                yield "\n".join(ast.dump(line) for line in body), f"{path.name}:{node.lineno} {node.name}"


def repeated_bodies(paths):
    places = defaultdict(list)
    for path in paths:
        for body, place in long_bodies(path):
            places[body].append(place)
    return [found for found in places.values() if len(found) > 1]


def tracked_files():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listing.stdout.split("\0") if name]


def test_there_are_sources_to_look_at():
    assert PACKAGE / "errors.py" in SOURCES


def test_every_module_opens_with_a_docstring():
    assert [path for path in SOURCES if not ast.get_docstring(parsed(path))] == []


def test_every_module_says_what_it_is_about_in_its_name():
    words = {path: path.relative_to(PACKAGE).with_suffix("").parts for path in SOURCES}
    assert [path for path in SOURCES if VAGUE_NAMES & {word.strip("_") for word in words[path]}] == []


def test_no_import_hides_from_the_shape_checks():
    """An annotation that is imported for type checkers only cannot be evaluated, so nothing would be compared."""
    conditions = [(path, node.test) for path in SOURCES for node in ast.walk(parsed(path)) if isinstance(node, ast.If)]
    assert [path for path, test in conditions if ast.unparse(test).endswith("TYPE_CHECKING")] == []


def test_no_file_imports_a_pickling_module():
    files = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]
    naming = [path for path in files if any(name in path.read_text(encoding="utf-8") for name in PICKLING)]
    assert [path for path in naming if imported_packages(parsed(path)) & PICKLING] == []


def test_only_one_file_reaches_for_the_network():
    reaching = {path.relative_to(PACKAGE).as_posix() for path in SOURCES if imported_packages(parsed(path)) & NETWORK}
    assert reaching <= {"datasets/_download.py"}


def test_every_imported_package_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for name, lines in extras.items() if name != "dev" for line in lines)]
    declared = {re.match(r"[\w.-]+", line).group().lower() for line in wanted}
    providers = metadata.packages_distributions()
    undeclared = set()
    for path in SOURCES:
        for package in imported_packages(parsed(path)) - set(sys.stdlib_module_names) - {"contrica"}:
            if not {name.lower() for name in providers.get(package, [package])} & declared:
                undeclared.add(f"{path.relative_to(PACKAGE)} imports {package}")
    assert undeclared == set()


def test_no_function_body_stands_twice():
    assert repeated_bodies(SOURCES) == []


def test_a_body_that_stands_twice_is_found(tmp_path):
    body = "    total = 0\n    for value in values:\n        if value:\n            total += value\n    return total\n"
    (tmp_path / "one.py").write_text(f"def first(values):\n{body}")
    (tmp_path / "two.py").write_text(f'def second(values):\n    """Say it differently."""\n{body}')
    assert repeated_bodies(sorted(tmp_path.glob("*.py"))) == [["one.py:1 first", "two.py:1 second"]]


def test_the_checkout_holds_no_symbolic_link():
    assert [path for path in tracked_files() if path.is_symlink()] == []


def test_the_checkout_holds_no_pickled_file():
    assert [path for path in tracked_files() if path.suffix in {".pkl", ".pickle", ".pt", ".pth", ".joblib"}] == []


def test_the_package_ships_its_types():
    assert (PACKAGE / "py.typed").is_file()


def test_records_count_the_changes_of_numbers():
    sections = re.split(r"^##+ ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    changes = [line for section in sections if section.startswith("Changes numbers") for line in section.splitlines()]
    assert sum(line.startswith("- ") for line in changes) == NUMBERS
