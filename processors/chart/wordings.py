"""How questions about charts are asked: several wordings for each kind of question, of which one is taken by a keyed choice.

`{of}` is empty or names the measure (" of Visitors"); `{c}` is what a category is called, `{p}` and `{q}` name places in the chart.
"""

from __future__ import annotations

WORDINGS: dict[str, tuple[str, ...]] = {
    "title": ("What is the title of the chart?", "What title does this chart have?", "Read the title of the chart."),
    "x_title": ("What is the label of the {axis} axis?", "What is written along the {axis} axis?", "What does the {axis} axis show?"),
    "y_title": ("What is the label of the {axis} axis?", "What is written along the {axis} axis?", "What does the {axis} axis show?"),
    "chart_kind": ("What kind of chart is this?", "Which type of chart is shown?", "Name the type of this chart."),
    "count_distinct": (
        "How many values of {c} does the chart show?",
        "How many different values of {c} are there?",
        "Count the values of {c} in the chart.",
    ),
    "count_rows": ("How many points does the chart show?", "How many points are drawn?", "Count the points in the chart."),
    "count_series": ("How many series does the chart show?", "How many entries does the legend have?", "Count the series in the chart."),
    "list": (
        "List the values of {c} {direction}.",
        "Which values of {c} does the chart show? Give them {direction}.",
        "Name every {c} {direction}, separated by commas.",
    ),
    "series": (
        "List the entries of the legend in order.",
        "Which series does the chart show, in the order of the legend?",
        "Name the series in the legend.",
    ),
    "lookup": (
        "What is the value{of} for {p}?",
        "What value{of} does the chart show for {p}?",
        "Read the value{of} for {p}.",
        "For {p}, what is the value{of}?",
    ),
    "argmax": (
        "Which {c} has the highest value{of}?",
        "For which {c} is the value{of} largest?",
        "Where is the value{of} at its maximum?",
    ),
    "argmin": (
        "Which {c} has the lowest value{of}?",
        "For which {c} is the value{of} smallest?",
        "Where is the value{of} at its minimum?",
    ),
    "max": ("What is the highest value{of}?", "What is the largest value{of} in the chart?", "How high is the maximum{of}?"),
    "min": ("What is the lowest value{of}?", "What is the smallest value{of} in the chart?", "How high is the minimum{of}?"),
    "sum": ("What is the sum of all values{of}?", "What do the values{of} add up to?", "Add up the values{of}. What is the total?"),
    "mean": (
        "What is the average of the values{of}, rounded to two decimal places?",
        "What is the mean of all values{of}? Round to two decimal places.",
        "Work out the average of the values{of}, to two decimal places.",
    ),
    "difference": (
        "What is the difference in the value{of} between {p} and {q}?",
        "By how much do {p} and {q} differ in the value{of}?",
        "How large is the gap in the value{of} between {p} and {q}?",
    ),
    "ratio": (
        "What is the value{of} for {p} divided by that for {q}, rounded to two decimal places?",
        "By what factor must the value{of} for {q} be multiplied to give that for {p}? Round to two decimal places.",
        "What is the ratio of the value{of} for {p} to that for {q}, to two decimal places?",
    ),
    "compare_greater": (
        "Is the value{of} for {p} higher than for {q}?",
        "Does {p} have a higher value{of} than {q}?",
        "Is the value{of} greater for {p} than for {q}?",
    ),
    "compare_less": (
        "Is the value{of} for {p} lower than for {q}?",
        "Does {p} have a lower value{of} than {q}?",
        "Is the value{of} smaller for {p} than for {q}?",
    ),
    "rank_largest": (
        "Which {c} has the {nth} highest value{of}?",
        "Ordered from high to low, which {c} comes {nth} in the value{of}?",
        "Which {c} ranks {nth} by the value{of}?",
    ),
    "rank_smallest": (
        "Which {c} has the {nth} lowest value{of}?",
        "Ordered from low to high, which {c} comes {nth} in the value{of}?",
        "Counted from the lowest, which {c} is {nth} in the value{of}?",
    ),
    "trend": (
        "Does the value{of} rise or fall from {p} to {q}?",
        "From {p} to {q}, does the value{of} go up or down?",
        "Comparing {p} with {q}: has the value{of} risen or fallen?",
    ),
    "count_above": (
        "How many of the values{of} are above {t}?",
        "How many values{of} lie above {t}?",
        "Count the values{of} that are greater than {t}.",
    ),
    "count_below": (
        "How many of the values{of} are below {t}?",
        "How many values{of} lie below {t}?",
        "Count the values{of} that are less than {t}.",
    ),
    "share": (
        "What share of the total does {p} make up, in percent to one decimal place?",
        "What percentage of the whole is {p}? Round to one decimal place.",
        "How many percent of the total fall to {p}, to one decimal place?",
    ),
    "growth": (
        "Which series grows most from {p} to {q}?",
        "Between {p} and {q}, which series has the largest increase?",
        "Which entry of the legend gains most from {p} to {q}?",
    ),
    "best_column": (
        "Which series has the highest value for {p}?",
        "For {p}, which series is largest?",
        "At {p}, which entry of the legend has the highest value?",
    ),
    "best_total": (
        "Which series has the largest total over all values of {c}?",
        "Added up over all values of {c}, which series is largest?",
        "Which entry of the legend has the highest sum?",
    ),
    "markdown": (
        "Give the data of the chart as a Markdown table.",
        "Turn this chart into a Markdown table.",
        "Extract the chart's data table in Markdown.",
        "Write down the numbers behind this chart as a Markdown table.",
    ),
    "csv": (
        "Give the data of the chart as CSV.",
        "Write the chart's data as comma-separated values.",
        "Extract the table behind the chart as CSV.",
    ),
}
ORDINALS = ("", "first", "second", "third", "fourth", "fifth")
