"""Source files in seven languages, with whatever a file may hold: every line end, tabs, a mark, no last line end, odd characters."""

from __future__ import annotations

PYTHON = '''\
"""A module."""

import math


class Shape:
    """Has a side."""

    def __init__(self, side: float, *, name: str = "square") -> None:
        self.side = side
        self.name = name

    def area(self) -> float:
        """The area, in square units."""
        if self.side < 0:
            raise ValueError(f"side is {self.side}, expected 0 or more")
        return math.pow(self.side, 2)


def total(shapes: list[Shape]) -> float:
    # all of them together
    found = 0.0
    for shape in shapes:
        found += shape.area()
    return found
'''
JAVASCRIPT = """\
'use strict';

// Adds up what is there.
function total(items, start = 0) {
  let found = start;
  for (const item of items) {
    if (item.price > 0) {
      found += item.price * item.count;
    }
  }
  return found;
}

const names = (items) => items.map((item) => item.name.toUpperCase()).filter(Boolean);

module.exports = { total, names };
"""
TYPESCRIPT = """\
interface Item {
  name: string;
  price: number;
}

export class Basket {
  private items: Item[] = [];

  add(item: Item): this {
    this.items.push(item);
    return this;
  }

  total(): number {
    return this.items.reduce((sum, item) => sum + item.price, 0);
  }
}
"""
JAVA = """\
package sample;

import java.util.List;

/** Counts. */
public class Counter {
    private int count;

    public int add(List<Integer> values) {
        for (int value : values) {
            if (value > 0) {
                count += value;
            }
        }
        return count;
    }
}
"""
GO = """\
package sample

import "fmt"

// Total adds up.
func Total(values []int) (int, error) {
\tfound := 0
\tfor _, value := range values {
\t\tif value < 0 {
\t\t\treturn 0, fmt.Errorf("value %d is below 0", value)
\t\t}
\t\tfound += value
\t}
\treturn found, nil
}
"""
C = """\
#include <stdio.h>

/* Adds up. */
static int total(const int *values, int count) {
    int found = 0;
    for (int i = 0; i < count; i++) {
        found += values[i];
    }
    return found;
}

int main(void) {
    int values[] = {1, 2, 3};
    printf("%d\\n", total(values, 3));
    return 0;
}
"""
CPP = """\
#include <vector>

namespace sample {

template <typename T>
class Stack {
 public:
  void push(const T& value) { values_.push_back(value); }

  T pop() {
    T last = values_.back();
    values_.pop_back();
    return last;
  }

 private:
  std::vector<T> values_;
};

}  // namespace sample
"""
RUST = """\
//! Sums.

/// Adds up what is above zero.
pub fn total(values: &[i64]) -> i64 {
    let mut found = 0;
    for value in values {
        if *value > 0 {
            found += value;
        }
    }
    found
}

impl Stack {
    fn push(&mut self, value: i64) -> Option<i64> {
        self.values.push(value);
        self.values.last().copied()
    }
}
"""
FILES = {
    "python": PYTHON,
    "javascript": JAVASCRIPT,
    "typescript": TYPESCRIPT,
    "java": JAVA,
    "go": GO,
    "c": C,
    "cpp": CPP,
    "rust": RUST,
}
# a comment that any of the languages takes at its beginning, by the mark it begins with
ODD = "é e\u0301\u0323 日本語 한글 \u1112\u1161\u11ab 👩‍👩‍👧‍👦 👍🏽 🇫🇷🇩🇪 נִקּוּד \u202eabc\u202c 𝒳 \tTab"


def comment(language: str, text: str) -> str:
    return f"# {text}\n" if language == "python" else f"// {text}\n"


def variants(language: str) -> dict[str, str]:
    """A file in every dress."""
    plain = FILES[language]
    if language == "go":
        head, _, rest = plain.partition("\n")
        odd = f"{head}\n{comment(language, ODD)}{rest}"
    else:
        odd = comment(language, ODD) + plain
    return {
        "plain": plain,
        "crlf": plain.replace("\n", "\r\n"),
        "tabs": plain.replace("    ", "\t"),
        "no_last_line_end": plain.rstrip("\n"),
        "marked": "\ufeff" + plain,
        "odd": odd,
        "odd_crlf_marked": "\ufeff" + odd.replace("\n", "\r\n"),
        "trailing_space": plain + "   \n\n\t\n",
        "leading_space": "\n\n   \n" + plain,
    }
