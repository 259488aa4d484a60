"""Prose, maths and code told apart; mixtures that repeat and sample."""

from __future__ import annotations

import pytest

from processors.text.domain import (
    CODE,
    DOMAIN,
    MATHS,
    MIXTURES,
    PROSE,
    SAMPLED_OUT,
    DetectDomain,
    Repeat,
    code_ratio,
    maths_chars,
    measure_domain,
    num_copies,
)
from schemas.outcome import Reject
from schemas.records import Document, Origin

PROSES = [
    "It cost $5 in May and $10 in June; that is a lot.\nReturn to sender, if you can. For a while nothing happened.",
    "If you go there, do not wait: the shop closes at 5. Class dismissed.\n- eggs\n- milk\n- import duties, from 2 to 5 %",
    "Im Jahr 1848; das war neu; kam die Bahn.\nWer das liest, ist gut.",
    "我们的学校是在北京。很好！",
    "Ο Παύλος είναι εδώ και η Μαρία πηγαίνει στο σχολείο.",
]
MATHSES = [
    "We have $x^2 + 3x = 0$, so $x = 0$ or $x = -3$.",
    "Natalia sold 48/2 = 24 clips in May. She sold 48 + 24 = 72 clips in all.",
    r"Let \[ \int_0^1 x\,dx = \frac{1}{2} \] and \(a \le b\). By the lemma, the polynomial has an integer root.",
    "Sei f(x) = 2x + 1. Dann ist x ≥ 3 und √2 ≈ 1.41.",
]
CODES = [
    "def add(a, b):\n    # the sum\n    total = a + b\n    return total\n",
    '#include <stdio.h>\nint main(void) {\n  printf("hi");\n  return 0;\n}\n',
    "export function area(r) {\n  const pi = 3.14;\n  return pi * r * r;\n}\n",
    "public class A {\n    private int x = 0;\n    public int get() {\n        return x;\n    }\n}\n",
    'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println(1)\n}\n',
    "Here is the answer.\n```sql\nSELECT a, b\nFROM t\nWHERE a > 3\nORDER BY b\n```\n",
    'fn main() {\n    let x: i32 = 5;\n    println!("{}", x);\n}\n',
    "class A\n  def b(c)\n    c.each do |d|\n      puts d\n    end\n  end\nend\n",
    '#!/bin/bash\nfor f in *.txt; do\n  echo "$f"\ndone\n',
]


@pytest.mark.parametrize(("domain", "text"), [*((PROSE, t) for t in PROSES), *((MATHS, t) for t in MATHSES), *((CODE, t) for t in CODES)])
def test_domains(domain: str, text: str) -> None:
    assert measure_domain(text)[DOMAIN.name] == domain, measure_domain(text)


@pytest.mark.parametrize("text", ["", "\n", "=", "$$", "\\", "```", "x = ", "=" * 50])
def test_nothing_is_prose(text: str) -> None:
    facts = DetectDomain()(Document("k", Origin("s"), text)).facts
    assert facts["domain.maths_ratio"] == 0.0
    assert 0.0 <= float(facts["domain.code_ratio"]) <= 1.0


def test_formulae_are_counted_once_and_in_full() -> None:
    assert maths_chars("we have $a = b$ here") == len("$a = b$")
    assert maths_chars("is 12 + 5 = 17 so") == len("12 + 5 = 17")
    assert maths_chars("from $5 to $6 it rose") == 0
    assert maths_chars("if x == y or a != b or a => b") == 0


def test_code_between_fences_counts_whatever_it_is() -> None:
    assert code_ratio("abc\n```\nplain words\n```\nabc") == (3 + 11 + 3) / (3 + 3 + 11 + 3 + 3)


@pytest.mark.parametrize(
    "piece", ["$", "\\[", "\\(x", "<<", "\\frac{", "=", "a=", "1+", "(", "if ", "{;", "x y ", "import ", "\\", "a(", "1,"]
)
def test_hostile_texts_are_measured_in_one_pass(piece: str) -> None:
    """Quadratic work would take many minutes for this many."""
    facts = measure_domain(piece * 50_000)
    for name in ("domain.maths_ratio", "domain.code_ratio"):
        assert 0.0 <= float(facts[name]) <= 1.0


# ---- mixtures


def document(key: str, domain: str) -> Document:
    return Document(key, Origin("s"), "text", {DOMAIN.name: domain})


def test_copies_follow_the_weight() -> None:
    assert {num_copies(3.0, 0, str(key)) for key in range(50)} == {3}
    assert {num_copies(0.0, 0, str(key)) for key in range(50)} == {0}
    counts = [num_copies(1.5, 0, str(key)) for key in range(4_000)]
    assert set(counts) == {1, 2}
    assert abs(sum(counts) / 4_000 - 1.5) < 0.04  # five standard deviations


def test_children_name_their_parent_and_weight() -> None:
    found = Repeat("reasoning")(document("k", MATHS))
    assert isinstance(found, list)
    assert [(child.key, child.parents, child.facts["mixture.weight"]) for child in found] == [(f"k/{i}", ("k",), 3.0) for i in range(3)]


def test_a_weight_below_one_samples_out_by_key_and_seed() -> None:
    step = Repeat("code", seed=1)
    first, again = ([step(document(str(key), PROSE)) for key in range(100)] for _ in range(2))
    refused = [one for one in first if isinstance(one, Reject)]
    assert first == again
    assert 30 < len(refused) < 70
    assert {(one.reason, one.detail) for one in refused} == {(SAMPLED_OUT.name, "prose weighs 0.5 in mixture code")}
    assert [isinstance(Repeat("code", seed=2)(document(str(key), PROSE)), Reject) for key in range(100)] != [
        isinstance(one, Reject) for one in first
    ]


def test_mixtures_weigh_every_domain() -> None:
    assert all(set(weights) == {PROSE, MATHS, CODE} for weights in MIXTURES.values())
    with pytest.raises(ValueError, match="mixture 'resoning' is unknown; expected one of natural, reasoning, code"):
        Repeat("resoning")
