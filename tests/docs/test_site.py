import contextlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import contrica
from contrica import cli

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "generated" not in path.parts)
RUNNABLE = ("python", "console")
DATA = ("text", "{eval-rst}", "{toctree}")


def blocks(page):
    return re.findall(r"^```(\S+)[^\n]*\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(block):
    joined = block.replace("\\\n", " ")
    return [shlex.split(line[2:], comments=True) for line in joined.splitlines() if line.startswith("$ ")]


def run_console(block):
    for words in commands(block):
        assert words[0] == "contrica", f"only contrica's own commands are run, got {words}"
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as told:
            code = cli.main(words[1:])
        assert code == 0, f"{shlex.join(words)} ended with {code}: {told.getvalue()}"


def without_code(page):
    return not any(language in RUNNABLE for language, _ in blocks(page))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::contrica.errors.ContricaWarning")  # the fits are short, and the pages say it warns
@pytest.mark.parametrize("page", [page for page in PAGES if not without_code(page)], ids=lambda page: page.stem)
def test_the_code_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for language, block in blocks(page):
        if language == "python":
            exec(compile(block, page.name, "exec"), names)
        elif language == "console":
            run_console(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_no_block_that_nothing_runs(page):
    for language, block in blocks(page):
        assert language in RUNNABLE + DATA, f"{page.name} has a block of {language!r}"
        if language == "console":
            assert commands(block), f"{page.name} has a console block without a command: {block}"


def test_the_reference_names_every_public_name_once():
    listed = re.findall(r"^   (\w+)$", (DOCS / "api" / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(contrica.__all__)


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "contrica.ContrastiveICA" in (tmp_path / "api" / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_page_that_refers_to_nothing_is_not_built(tmp_path):
    source = tmp_path / "docs"
    source.mkdir()
    (source / "conf.py").write_text((DOCS / "conf.py").read_text(encoding="utf-8"), encoding="utf-8")
    (source / "index.md").write_text("# Title\n\n[nowhere](nowhere.md)\n", encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(source), str(tmp_path / "site")]
    assert subprocess.run(command, capture_output=True, text=True, check=False).returncode != 0
