"""OGB's raw folders: never written to, downloaded whole or not at all."""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.workflow.datasets.ogb_files import build, snapshot
from workflow import catalog
from workflow.datasets.parts import ogb_raw
from workflow.errors import UserError

ARXIV = "ogbn_arxiv"


def test_a_given_root_is_never_written_to_nor_its_pickles_read(tiny: Path, tmp_path: Path, no_questions: None) -> None:
    root = tmp_path / "root"
    shutil.copytree(tiny, root)
    for name, split in (("ogbn_arxiv", "time"), ("ogbn_mag", "time"), ("ogbg_moltox21", "scaffold")):
        (root / name / "processed").mkdir()
        (root / name / "processed" / "data_processed").write_bytes(b"no pickle at all")
        (root / name / "split" / split / "split_dict.pt").write_bytes(b"no pickle at all")
    before = snapshot(root)
    for name in ("ogbn-arxiv", "ogbn-mag", "ogbg-moltox21"):
        assert build(name, root).fingerprint == build(name, tiny).fingerprint
    assert snapshot(root) == before


class Server:
    """Stands in for OGB's server: answers with each of `replies` in turn, the last one for good."""

    def __init__(self, *replies: bytes | Exception) -> None:
        self.replies = list(replies)
        self.asked: list[str] = []

    def __call__(self, url: str) -> io.BytesIO:
        self.asked.append(url)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        answer = io.BytesIO(reply)
        answer.info = lambda: {"Content-Length": 5 << 30}  # type: ignore[attr-defined]  # OGB would ask beyond 1 GB
        return answer


def archive(folder: Path, name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for path in folder.rglob("*"):
            file.write(path, Path(name) / path.relative_to(folder))
    return content.getvalue()


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_questions: None) -> Path:
    """The working folder, without data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ogb.utils.url.tqdm", Quiet)
    return tmp_path / "data" / "raw"


class Quiet(list):
    def __init__(self, steps: range) -> None:
        super().__init__(steps[:9])

    def set_description(self, _: str) -> None:
        pass


def test_a_broken_download_is_fetched_again(tiny: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = archive(tiny / ARXIV, "arxiv")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    server = Server(whole[: len(whole) // 2], bytes(flipped), whole)
    monkeypatch.setattr("ogb.utils.url.ur.urlopen", server)
    task = catalog.build("ogbn-arxiv", {})
    assert task.fingerprint == build("ogbn-arxiv", tiny).fingerprint
    assert server.asked == [ogb_raw.master("nodeproppred")["ogbn-arxiv"]["url"]] * 3
    assert [path.name for path in empty.iterdir()] == [ARXIV]  # no archive, no temporary folder
    catalog.build("ogbn-arxiv", {})
    assert len(server.asked) == 3  # what is whole stays


def test_half_a_folder_or_an_old_version_is_replaced(tiny: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(tiny / ARXIV, empty / ARXIV)
    (empty / ARXIV / "raw" / "edge.csv.gz").unlink()
    monkeypatch.setattr("ogb.utils.url.ur.urlopen", Server(archive(tiny / ARXIV, "arxiv")))
    catalog.build("ogbn-arxiv", {})
    (empty / ARXIV / "RELEASE_v1.txt").rename(empty / ARXIV / "RELEASE_v0.txt")
    catalog.build("ogbn-arxiv", {})
    assert [p.name for p in (empty / ARXIV).glob("RELEASE*")] == ["RELEASE_v1.txt"]


@pytest.mark.parametrize("reply", [OSError("no route to host"), b"<html>not found</html>", b""])
def test_a_download_that_fails_for_good_leaves_nothing(
    empty: Path, monkeypatch: pytest.MonkeyPatch, reply: bytes | Exception
) -> None:
    server = Server(reply)
    monkeypatch.setattr("ogb.utils.url.ur.urlopen", server)
    with pytest.raises(UserError, match=r"could not download http://snap.*arxiv.zip .*ogb_root") as caught:
        catalog.build("ogbn-arxiv", {})
    assert "\n" not in str(caught.value)
    assert len(server.asked) == ogb_raw.DOWNLOAD_ATTEMPTS and list(empty.iterdir()) == []


def test_an_archive_without_its_split_is_refused(tiny: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(tiny / ARXIV, empty.parent.parent / "half")
    (empty.parent.parent / "half" / "split" / "time" / "valid.csv.gz").unlink()
    monkeypatch.setattr("ogb.utils.url.ur.urlopen", Server(archive(empty.parent.parent / "half", "arxiv")))
    with pytest.raises(UserError, match=r"the archive has no split/time/valid\.csv\.gz"):
        catalog.build("ogbn-arxiv", {})
    assert list(empty.iterdir()) == []


def test_an_interrupt_is_not_retried(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Server):
        def __call__(self, url: str) -> io.BytesIO:
            answer = super().__call__(url)
            answer.read = self.stop  # type: ignore[method-assign]
            return answer

        def stop(self, _: int) -> bytes:
            raise KeyboardInterrupt

    server = Interrupted(b"half")
    monkeypatch.setattr("ogb.utils.url.ur.urlopen", server)
    with pytest.raises(KeyboardInterrupt):
        catalog.build("ogbn-arxiv", {})
    assert len(server.asked) == 1


def test_gzip_of_text_is_not_mistaken_for_numbers(tmp_path: Path) -> None:
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n"))
    with pytest.raises(UserError, match=r"train\.csv\.gz: has entries that are not whole numbers"):
        ogb_raw.table(path)
