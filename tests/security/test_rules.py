"""What no line of the product may do: unpickle, trust code that comes with data, run a shell, evaluate text."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = [file for package in ("schemas", "processors", "pipelines", "model") for file in sorted((ROOT / package).rglob("*.py"))]
MODULES = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "_pickle", "pandas.io.pickle", "telnetlib", "ftplib"}
KEYWORDS = {("allow_pickle", True), ("trust_remote_code", True), ("weights_only", False), ("shell", True), ("verify", False)}
CALLS = {"os.system", "os.popen", "torch.load", "yaml.load", "yaml.unsafe_load", "pd.read_pickle", "tempfile.mktemp"}
BEHIND_THE_WALL = "pipelines/sandbox/"  # where programs of others are run


def offences(text: str) -> list[str]:
    """What of the above a source text does, with its line."""
    found = []
    for node in ast.walk(ast.parse(text)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        found += [f"{node.lineno}: imports {name}" for name in names if name in MODULES]
        if isinstance(node, ast.Call):
            said = ast.unparse(node.func)
            found += [f"{node.lineno}: calls {said}" for _ in range(said in CALLS or said in ("eval", "exec"))]
            for word in node.keywords:
                if isinstance(word.value, ast.Constant) and (word.arg, word.value.value) in KEYWORDS:
                    found.append(f"{node.lineno}: {word.arg}={word.value.value}")
    return found


def test_the_product_runs_nothing_that_comes_with_data() -> None:
    found = {file.relative_to(ROOT).as_posix(): offences(file.read_text()) for file in FILES}
    told = {name: lines for name, lines in found.items() if lines}
    assert {name for name in told if not name.startswith(BEHIND_THE_WALL)} == set(), told
    assert {line.split(": ")[1] for lines in told.values() for line in lines} <= {"calls exec", "calls eval"}


def test_each_offence_is_found() -> None:
    texts = (
        "import pickle",
        "from joblib import load",
        "np.load(a, allow_pickle=True)",
        "f(trust_remote_code=True)",
        "torch.load(f)",
        "eval(x)",
    )
    assert [len(offences(text)) for text in texts] == [1] * len(texts)
    assert offences("np.load(a, allow_pickle=False)\nast.literal_eval(x)\nmodel.eval()\nyaml.safe_load(x)") == []
