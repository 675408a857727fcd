"""What the code must never do, whoever wrote the data or the configuration that it reads."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.test_house import FILES, PRODUCTION, ROOT, name_of

UNPICKLER = "workflow/datasets/planetoid.py"
READS_PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
LOADS = {
    "torch.load",
    "pandas.read_pickle",
    "pd.read_pickle",
    "yaml.unsafe_load",
    "yaml.full_load",
    "os.system",
    "os.popen",
}
SAFE_LOADERS = {"BoundedLoader", "SafeLoader", "CSafeLoader", "yaml.SafeLoader", "yaml.CSafeLoader"}
PRODUCED = [path for path in FILES if name_of(path).split("/")[0] in PRODUCTION]


def faults(tree: ast.AST) -> list[str]:
    """What stands in a module that runs what it reads."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in READS_PICKLES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in READS_PICKLES:
            found.append(str(node.module))
        elif isinstance(node, ast.Call):
            found += _of_call(node)
    return found


def _of_call(node: ast.Call) -> list[str]:
    name = ast.unparse(node.func)
    keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    found = [name] if name in RUNS_TEXT | LOADS else []
    if name == "yaml.load" and not {*map(ast.unparse, node.args[1:]), *keywords.values()} & SAFE_LOADERS:
        found.append(name)
    for keyword in ("shell", "allow_pickle"):
        if keywords.get(keyword, "False") != "False":
            found.append(f"{name}({keyword}={keywords[keyword]})")
    if keywords.get("weights_only") == "False":
        found.append(f"{name}(weights_only=False)")
    return found


@pytest.mark.parametrize("path", PRODUCED, ids=name_of)
def test_nothing_runs_what_it_reads(path: Path) -> None:
    found = faults(ast.parse(path.read_text(encoding="utf-8")))
    assert found == (["pickle"] if name_of(path) == UNPICKLER else [])


def test_rules_and_snakefile_run_no_text_either() -> None:
    for path in [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]:
        text = path.read_text(encoding="utf-8")
        assert not [word for word in ("pickle", "eval(", "exec(", "torch.load", "yaml.load") if word in text], path


def test_the_unpickler_is_the_restricted_one() -> None:
    """The module takes nothing of pickle but the class that it restricts, and its error."""
    tree = ast.parse((ROOT / UNPICKLER).read_text(encoding="utf-8"))
    uses = {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and "pickle." in ast.unparse(node)
    }
    assert uses == {"pickle.Unpickler", "pickle.UnpicklingError"}
    classes = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and "pickle.Unpickler" in map(ast.unparse, node.bases)
    ]
    assert [[f.name for f in node.body if isinstance(f, ast.FunctionDef)] for node in classes] == [["find_class"]]


@pytest.mark.parametrize(
    "code",
    [
        *("import pickle", "from pickle import loads", "import joblib", "eval('1')", "exec(x)", "torch.load(p)"),
        *(
            "torch.load(p, weights_only=False)",
            "yaml.load(text)",
            "yaml.load(text, Loader=yaml.Loader)",
            "os.system(x)",
        ),
        *("yaml.load(t, yaml.UnsafeLoader)", "subprocess.run(x, shell=True)", "run(x, shell=flag)"),
        *("np.load(p, allow_pickle=True)", "pd.read_pickle(p)", "yaml.unsafe_load(t)", "__import__(name)"),
    ],
)
def test_the_search_finds_it(code: str) -> None:
    assert faults(ast.parse(code))


@pytest.mark.parametrize(
    "code", ["model.eval()", "yaml.load(t, yaml.SafeLoader)", "np.load(p, allow_pickle=False)", "re.compile(x)"]
)
def test_the_search_leaves_alone_what_is_safe(code: str) -> None:
    assert not faults(ast.parse(code))
