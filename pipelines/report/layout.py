"""The page around a report: templates, the look, the script, and a policy that forbids whatever is outside of the file.

Values reach the page through templates that escape them. Scripts are allowed by their digest alone, so that even text that found a way
into the page as markup could not run.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines.report import wording
from pipelines.report.charts import share_bar

FOLDER = Path(__file__).parent


def plain(value: float) -> str:
    """A number as an input field wants it: digits and a point, enough of them to tell neighbours apart."""
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.6g}"


@functools.cache
def environment() -> Environment:
    """Templates that escape, and stop at a name that is not there."""
    made = Environment(loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    words = {name: getattr(wording, name) for name in ("count", "short", "exact", "share", "size", "duration")}
    made.filters |= {**words, "share_bar": share_bar, "plain": plain, "dash": lambda value: "–" if value is None else wording.count(value)}
    return made


def as_script_data(value: Any) -> Markup:
    """JSON that cannot end the tag that it stands in."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def render(template: str, title: str, sections: Sequence[tuple[str, str]], **values: Any) -> str:
    """A whole page."""
    files = [FOLDER / name for name in ("script.js", "examples.js")]
    scripts = [Markup(file.read_text()) for file in files if file.is_file()]
    styles = [(FOLDER / name).read_text() for name in ("style.css", "examples.css") if (FOLDER / name).is_file()]
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return (
        environment()
        .get_template(template)
        .render(title=title, sections=sections, scripts=scripts, script_hashes=Markup(hashes), style=Markup("\n".join(styles)), **values)
    )
