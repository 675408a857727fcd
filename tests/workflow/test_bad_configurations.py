"""Broken and hostile configurations: each ends with one line that names file and key, within three seconds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.cli import parse_config
from snakemake.utils import update_config

from tests.workflow.samples import GOOD, ROOT, change
from workflow.config import complete, load
from workflow.errors import UserError
from workflow.run import Run

TEXT = yaml.safe_dump(GOOD)
KIB = 1024
BOMB = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
MERGED = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12))
FILES: list[tuple[str, bytes | str, str]] = [
    ("empty", "", "must be a mapping of keys"),
    ("only comments", "# nothing\n# here\n", "must be a mapping of keys"),
    ("a list", "- a\n- b\n", "must be a mapping of keys"),
    ("a text", "just words\n", "must be a mapping of keys"),
    ("a number", "3\n", "must be a mapping of keys"),
    ("two documents", f"{TEXT}---\n{TEXT}", "expected a single document"),
    ("a tab", "title: x\n\tseeds: 2\n", "cannot start any token"),
    ("no end", "title: [1, 2\n", "not valid YAML"),
    ("no such anchor", "title: *nothing\n", "found undefined alias 'nothing'"),
    ("an object", "title: !!python/object:os.system x\n", "could not determine a constructor"),
    ("a call", "title: !!python/object/apply:os.system [exit]\n", "could not determine a constructor"),
    ("a name", "title: !!python/name:os.system\n", "could not determine a constructor"),
    ("a tag", "title: !mine x\n", "could not determine a constructor"),
    ("a wrong number", "seeds: !!int x\n", "invalid literal"),
    ("a wrong truth", "seeds: !!bool x\n", "not valid YAML"),
    ("a wrong date", "title: 2020-13-45\n", "month must be in 1..12"),
    ("a wrong tag of a date", "title: !!timestamp x\n", "not valid YAML"),
    ("a key that is a list", "[a, b]: 1\n", "unhashable key"),
    ("a key twice", "seeds: 1\nseeds: 2\n", "'seeds' is given twice in the mapping of line 1"),
    ("a long key twice", f"? {'a' * 900}\n: 1\n? {'a' * 900}\n: 1\n", "is given twice"),
    ("to the base of 8", "seeds: 010\n", "'010' in line 1 is no decimal number"),
    ("to the base of 60", "seeds: 1:30\n", "'1:30' in line 1 is no decimal number"),
    ("fractions to the base of 60", "alpha: 0:0.5\n", "'0:0.5' in line 1 is no decimal number"),
    ("5,000 digits", f"seeds: {'9' * 5000}\n", "not valid YAML: Exceeds the limit"),
    ("zero bytes", b"title: a\x00b\n", "special characters are not allowed"),
    ("UTF-16", TEXT.encode("utf-16"), "is not UTF-8 text"),
    ("UTF-16 without a mark", TEXT.encode("utf-16-le"), "special characters are not allowed"),
    ("Latin-1", "title: Größe\n".encode("latin-1"), "is not UTF-8 text"),
    ("a program", f"__use_yte__: true\n{TEXT}", "__use_yte__: a configuration is no template"),
    ("lists in lists", "a: " + "[" * 60 * KIB, "is nested too deep"),
    ("mappings in mappings", "{a: " * 15 * KIB, "is nested too deep"),
    ("dashes", "- " * 30 * KIB, "is nested too deep"),
    ("a list of 21 levels", f"title: {'[' * 21}{']' * 21}\n", "title[0][0]: is nested more than 20 levels deep"),
    ("it holds itself", "title: &a [*a]\n", "title[0][0]: is nested more than 20 levels deep"),
    ("a mapping holds itself", "title: &a {b: *a}\n", "title.b.b: is nested more than 20 levels deep"),
    ("a billion laughs", BOMB, "has more than 100000 values"),
    ("a billion laughs merged", MERGED, "holds more than 10000 keys"),
    ("many keys", "".join(f"k{i}: 1\n" for i in range(6000)), "holds more than 10000 keys and values"),
    ("a long list", f"spotlight: [{'a,' * 30_000}]\n", "holds more than 10000 keys and values"),
    ("one key 30,000 times", f"{{{'a,' * 30_000}}}\n", "holds more than 10000 keys and values"),
    ("a large file", " " * 65 * KIB, "is larger than 64 KiB"),
]
SURROGATE = "\ud800"
VALUES: list[tuple[str, Any, str]] = [
    ("seeds", 2**64, "seeds: must be a number of at most 64 bits"),
    ("seeds", 10_001, "seeds: must be at most 10000"),
    ("first_seed", 2**40, "first_seed: must be at most"),
    ("first_seed", -1, "first_seed: must be at least 0"),
    ("threads", 0, "threads: must be at least 1"),
    ("threads", 10**6, "threads: must be at most 1024"),
    ("seeds", "1", "seeds: must be an integer, not '1'"),
    ("alpha", float("inf"), "alpha: must be a finite number, not inf"),
    ("alpha", float("-inf"), "alpha: must be a finite number, not -inf"),
    ("alpha", 0, "alpha: must be greater than 0"),
    ("title", None, "title: must be a string, not None"),
    ("title", "a\0b", r"title: must be text without control characters, not 'a\x00b'"),
    ("title", "a\x1b[31mb", "title: must be text without control characters"),
    ("title", SURROGATE, r"title: must be text without control characters, not '\ud800'"),
    ("title", ["a"], "title: must be a string, not ['a']"),
    ("title", {"a": 1}, "title: must be a string, not {'a': 1}"),
    ("device", "cuda:0", "device: must be 'auto', 'cpu' or 'cuda', not 'cuda:0'"),
    ("reference", "../kd", "reference: unknown method '../kd'"),
    ("reference", "a\nb", r"reference: unknown method 'a\nb'"),
    ("spotlight", "kd", "spotlight: must be a list, not 'kd'"),
    ("spotlight", [["kd"]], "spotlight[0]: must be a string, not ['kd']"),
    ("spotlight", ["x" * 9000], "spotlight: unknown method 'xxx"),
    ("training", {"fan_out": []}, "training.fan_out: must not be empty"),
    ("training", {"fan_out": [5, 0]}, "training.fan_out[1]: must be at least 1"),
    ("training", {"fan_out": 5}, "training.fan_out: must be a list, not 5"),
    ("data", {"ogb_root": ""}, "data.ogb_root: must not be empty"),
    ("data", {"ogb_root": 3}, "data.ogb_root: must be a string, not 3"),
    ("data", {"ogb_root": "a\0b"}, "data.ogb_root: must be text without control characters"),
    ("data", {"og_root": "x"}, "data.og_root: unknown key (did you mean 'ogb_root'?)"),
    ("data", ["x"], "data: must be a mapping, not ['x']"),
    ("methods/kd", {"alpha": float("inf")}, "methods.kd.alpha: must be a finite number, not inf"),
    ("methods/kd", {"alpha": {1: 2}}, "methods.kd.alpha: a key must be text, not 1"),
    ("methods/kd", {"a\nb": 2}, r"methods.kd: a key must be printable text of 1 to 100 letters, not 'a\nb'"),
    ("methods/kd", {"a" * 101: 2}, "methods.kd: a key must be printable text of 1 to 100 letters"),
    ("methods", {"": None}, "methods: a key must be printable text of 1 to 100 letters, not ''"),
    ("methods", {None: None}, "methods: a key must be text, not None"),
    ("methods", {True: 1}, "methods: a key must be text, not True; YAML reads some words as others"),
    ("methods", {7: 1}, "methods: a key must be text, not 7"),
    ("methods/kd", {"method": "kd+"}, "methods.kd: unknown method ''"),
    (
        "methods/supervised",
        {"method": "kd"},
        "methods.supervised.method: this label is the id of another method than kd",
    ),
    (
        "methods/kd",
        {"method": "gcrd"},
        "methods.kd.method: this label is the id of another method than gcrd; give it a",
    ),
    ("methods", {"kd": None, "kd+gcrd": {"method": "abkd"}}, "methods.kd+gcrd.method: this label is the id of another"),
    ("methods/kd", {"method": "os.path"}, "methods.kd: unknown method 'os.path'"),
    ("methods/kd", {"method": "../baselines/kd"}, "methods.kd: unknown method '../baselines/kd'"),
    ("models/big/model", "../gcn", "models.big.model: unknown model '../gcn'"),
    ("models/big/model", 3, "models.big.model: must be a string, not 3"),
    ("models/big", {"width": 3}, "models.big.model: is missing"),
    ("experiments", [], "experiments: must not be empty"),
    ("experiments", [None], "experiments[0]: must be a mapping, not None"),
    ("experiments/0/dataset", "../../etc", "experiments[0].dataset: unknown dataset '../../etc'"),
    ("experiments/0/dataset", "a\nb", r"experiments[0].dataset: unknown dataset 'a\nb'"),
    ("experiments/0/teachers", [], "experiments[0].teachers: must not be empty"),
    ("experiments/0/teachers", ["a\nb", "a\nb"], r"experiments[0].teachers: names 'a\nb' twice"),
    ("experiments/0/methods", ["a\nb", "a\nb"], r"experiments[0].methods: names 'a\nb' twice"),
    ("experiments/0/methods", [1], "experiments[0].methods: must be a list of labels"),
    ("experiments/0/students/0/ratios", ["4"], "experiments[0].students[0].ratios[0]: must be a number, not '4'"),
    ("experiments/0/students/0/ratios", [2.0**80], "experiments[0].students[0].ratios[0]: must be at most 1000000"),
    ("experiments/0/students/0/ratios", [], "experiments[0].students[0].ratios: must not be empty"),
    ("experiments/0/students/0", {"model": "small", "widths": [10**9]}, "widths[0]: must be at most 1000000"),
    ("experiments/0/students/0", {"model": "small", "widths": [-1]}, "widths[0]: must be at least 1"),
]
NAMES = (
    *("a/b", "../a", "..", ".", "/etc", "a b", "a\tb", "a'b", 'a"b', "$(id)", "`id`", "{a}", "{}", "a;b", "a|b", "a&b"),
    *("a>b", "a*b", "a?b", "~", "-rf", "a\\b", "a~b", "A", "é", "a\u202eb", "a" * 101, "a\n", "\na"),
)
FILE_NAMES = ("a b", "$(id)", "`id`", "{a}", "a;b", "-rf", "é", ".hidden", "a\nb", "'", "a*", "..")


def refusal(path: Path) -> str:
    started = time.process_time()  # others on this machine do not count
    with pytest.raises(UserError) as caught:
        load(path)
    assert time.process_time() - started < 3
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and len(message.splitlines()) == 1 and len(message) < 2000
    return message


@pytest.mark.no_cover
@pytest.mark.parametrize(("content", "message"), [fault[1:] for fault in FILES], ids=[fault[0] for fault in FILES])
def test_a_broken_file_is_one_line(tmp_path: Path, content: bytes | str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert message in refusal(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("title: 2020-01-01", "title: must be a number, text, list or mapping, not datetime.date(2020, 1, 1) (date)"),
        ("title: 2020-01-01 10:00:00", "title: must be a number, text, list or mapping, not datetime"),
        ("title: !!binary YQ==", "title: must be a number, text, list or mapping, not b'a' (bytes)"),
        ("title: !!set {a, b}", "title: must be a number, text, list or mapping, not {"),
        ("alpha: .inf", "alpha: must be a finite number, not inf"),
        ("alpha: .nan", "alpha: must be a finite number, not nan"),
        ("alpha: 1.0e+999", "alpha: must be a finite number, not inf"),
        (f"seeds: 0x{'f' * 5000}", "seeds: must be a number of at most 64 bits"),
        (f"? 0x{'f' * 5000}\n: 1", "a key must be text, not an int that is too long to show"),
        ("on: 1", "a key must be text, not True"),
        ("1: 1", "a key must be text, not 1"),
        ("~: 1", "a key must be text, not None"),
        ("2020-01-01: 1", "a key must be text, not datetime.date(2020, 1, 1)"),
        ('title: "\\0"', "title: must be text without control characters"),
        ("title: yes", "title: must be a string, not True"),
        ("title: ", "title: must be a string, not None"),
    ],
)
def test_what_yaml_makes_of_a_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in GOOD.items() if not line.startswith(f"{k}:")}) + line + "\n")
    assert message in refusal(path)


@pytest.mark.parametrize(("path", "value", "message"), VALUES)
def test_a_wrong_value_is_one_line(path: str, value: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        complete(change(path, value), "x.yaml")
    found = str(caught.value)
    assert found.startswith("x.yaml: ") and message in found and len(found.splitlines()) == 1 and len(found) < 2000


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["models", "methods"])
def test_a_name_cannot_leave_its_folder_nor_a_quoted_word(place: str, name: str) -> None:
    config = change(place, {**GOOD[place], name: {"model": "gcn"} if place == "models" else {"method": "kd"}})
    with pytest.raises(UserError) as caught:
        complete(config, "x.yaml")
    assert str(caught.value).startswith(f"x.yaml: {place}") and len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("stem", FILE_NAMES)
def test_a_file_of_a_name_that_makes_no_folder_is_refused(stem: str) -> None:
    with pytest.raises(UserError, match="the name of a configuration's file holds letters, digits and"):
        Run(complete(GOOD, "x.yaml"), f"config/{stem}.yaml")


def test_a_folder_in_place_of_a_file_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "Is a directory" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "x.yaml")
    assert "File name too long" in refusal(tmp_path / ("x" * 300))


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(TEXT, encoding="utf-8-sig")
    assert load(tmp_path / "x.yaml") == complete(GOOD, "x.yaml")


def test_merged_mappings_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("training: &all {epochs: 3}\n" + TEXT.replace("width: 64", "width: 64\n    training: {<<: *all}"))
    assert load(path).models["big"].training.epochs == 3


def on_command_line(*entries: str) -> Any:
    """What Snakemake makes of config/quick.yaml and of `--config`."""
    config = yaml.safe_load((ROOT / "config" / "quick.yaml").read_text())
    update_config(config, parse_config(entries))
    return complete(config, str(ROOT / "config" / "quick.yaml"))


def test_mappings_and_lists_of_the_command_line_are_read_as_yaml() -> None:
    plain = on_command_line()
    found = on_command_line("training={epochs: 5}")
    assert found.training == plain.training.changed(type(plain.training)(epochs=5))
    assert found.model_copy(update={"training": plain.training}) == plain
    assert on_command_line("training='{learning_rate: 0.5, optimizer: sgd}'").training.learning_rate == 0.5
    assert on_command_line("spotlight=[abkd]").spotlight == ["abkd"]
    assert on_command_line("spotlight=[]").spotlight == []
    assert on_command_line("methods={abkd: {alpha: 0.75}}").method("abkd").hyperparameters["alpha"] == 0.75
    assert on_command_line("methods={kd: }").methods["kd"] is None
    assert on_command_line("models={gcn-2: {model: gcn, norm: batch}}").models["gcn-2"].network["norm"] == "batch"
    assert on_command_line("data={ogb_root: a folder}").data.ogb_root == "a folder"
    assert on_command_line("seeds=20", "title=A: b: c").title == "A: b: c"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("training={epochs: five}", "training.epochs: must be an integer, not 'five'"),
        ("training={epochs: 0}", "training.epochs: must be at least 1, not 0"),
        ("training={epochs: 010}", "training.epochs: must be an integer, not '010'"),
        ("training={epochs: 5", "training: must be a mapping, not '{epochs: 5'"),
        ("training={epoch: 5}", "training.epoch: unknown key (did you mean 'epochs'?)"),
        ("training=5", "training: must be a mapping, not 5"),
        ("spotlight=abkd", "spotlight: must be a list, not 'abkd'"),
        ("spotlight=[abkd, [kd]]", "spotlight[1]: must be a string, not ['kd']"),
        ("alpha=nan", "alpha: must be a finite number, not nan"),
        ("title=", "title: must be a string, not None"),
        ("data={ogb_root: 2020-01-01}", "data.ogb_root: must be a number, text, list or mapping, not datetime.date"),
        ("methods={abkd: {alpha: .inf}}", "methods.abkd.alpha: must be a finite number, not inf"),
        (f"spotlight={'[' * 30}{']' * 30}", "spotlight[0][0]: is nested more than 20 levels deep"),
    ],
)
def test_what_the_command_line_gets_wrong(entry: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        on_command_line(entry)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_text_of_the_file_stays_a_text(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(TEXT.replace("A test", "'2024'"))
    assert complete(yaml.safe_load(path.read_text()), str(path)).title == "2024"
    path.write_text(TEXT.replace("seeds: 2", "seeds: '2'"))
    with pytest.raises(UserError, match="seeds: must be an integer, not '2'"):
        complete(yaml.safe_load(path.read_text()), str(path))
