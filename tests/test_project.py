"""The project's own papers agree: links lead somewhere, dependencies and versions are the same wherever they stand."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "config").glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINKS = [
    (page, link) for page in PAGES for link in sorted(set(re.findall(r"\]\(((?!https?:)[^)\s]+)\)", page.read_text())))
]


def requirements(lines: str) -> dict[str, str]:
    """Name -> the whole line, of a requirements file."""
    stated = (line for line in lines.splitlines() if line and line[0] not in "# ")
    return {canonicalize_name(Requirement(line.rstrip(" \\")).name): line.rstrip(" \\") for line in stated}


def groups() -> tuple[dict[str, str], dict[str, str]]:
    """What requirements.txt names for running, and for checking."""
    running, checking = (ROOT / "requirements.txt").read_text().split("# Checks.\n")
    return requirements(running), requirements(checking)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("page", "link"), LINKS, ids=[f"{page.name}:{link}" for page, link in LINKS])
def test_links_lead_somewhere(page, link):
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.exists()
    assert not anchor or anchor in anchors(target)


def test_dependencies_are_those_of_the_requirements():
    running, checking = groups()
    assert requirements("\n".join(PROJECT["dependencies"])).keys() == running.keys()
    assert requirements("\n".join(PROJECT["optional-dependencies"]["dev"])).keys() == checking.keys()


def test_the_lock_holds_all_of_them_within_their_ranges():
    running, checking = groups()
    locked = requirements((ROOT / "requirements.lock").read_text())
    assert locked.keys().isdisjoint({"torch", "triton", "cuda-toolkit"}), "torch brings its own, see requirements.txt"
    locked["torch"] = running["torch"]
    assert locked.keys() >= running.keys() | checking.keys(), "run make lock"
    for line in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]):
        wanted = Requirement(line)
        (pin,) = Requirement(locked[canonicalize_name(wanted.name)]).specifier
        assert pin.operator == "==" and pin.version in wanted.specifier, line


def test_every_locked_file_is_known_by_its_hash_and_by_no_address():
    text = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"^(?=\w)", re.sub(r"^#.*\n", "", text, flags=re.M), flags=re.M)[1:]
    assert len(entries) > 100
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_the_version_is_the_same_everywhere():
    released = re.findall(r"^## \[(\d[\w.]*)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert released[0] == (cited["version"], str(cited["date-released"]))
    assert PROJECT["version"] == cited["version"]


def test_the_hooks_are_the_linters_of_make_lint():
    """And from the environment, so that their versions are the lock's."""
    command = ["make", "--no-print-directory", "-n", "-o", ".venv/ready", "lint"]
    wanted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert {hook["entry"].split()[0] for hook in hooks} == {line.split()[0] for line in wanted}


def test_make_clean_keeps_what_decides_about_numbers():
    recipe = re.search(r"^clean:\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    assert ".pytest_cache" in recipe[1]
    assert not re.search(r"(?<!\S)(\.snakemake|results|data|logs)\b", recipe[1])
