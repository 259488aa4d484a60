"""Questions over several pictures: answers from boxes and captions, checked against plain counts; changes that can be seen, where they are said to be."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PillowImage

from pipelines.sample.images import draw_scene
from processors.vision.asked import PROGRAMS, TRUTH
from processors.vision.box_text import parse_box
from processors.vision.check import CheckAnswers
from processors.vision.image_sets import (
    CHANGE_FACT,
    MAX_SET,
    NUM_MEMBERS,
    ChangePair,
    CheckImage,
    GatherSets,
    KeepSeveralImages,
    filled_in,
    set_sizes,
)
from processors.vision.multi_image import (
    LOCAL,
    MAX_COUNT,
    NONE,
    WHOLE,
    ask_images,
    execute_change,
    execute_images,
    image_truth,
    plural,
    quarter,
    telling_captions,
)
from schemas.identity import keyed_rng
from schemas.outcome import Reject
from schemas.parts import Image
from schemas.records import Conversation, Origin, Row, Turn, images_of, learned_texts

ORIGIN = Origin("test", licence="CC0-1.0", locator="row")


def picture(counts: dict[str, int], *captions: str, crowds: tuple[str, ...] = ()) -> dict[str, object]:
    boxes = [
        {"bbox": [0, 0, 5, 5], "category": name, "iscrowd": int(name in crowds)} for name, count in counts.items() for _ in range(count)
    ]
    return image_truth({"boxes": boxes, "captions": list(captions)})


SET = [
    picture({"dog": 2, "cup": 1}),
    picture({"dog": 1}),
    picture({"cat": 1, "person": 12}),
    picture({"cup": 3, "person": 1}, crowds=("person",)),
]


def run(op: str, **arguments: object) -> str:
    return execute_images(SET, {"op": op, **arguments})  # type: ignore[arg-type]


def rng(key: object = "k") -> np.random.Generator:
    return keyed_rng(0, "test", str(key))


def png(pixels: np.ndarray | PillowImage.Image) -> bytes:
    sink = io.BytesIO()
    (pixels if isinstance(pixels, PillowImage.Image) else PillowImage.fromarray(pixels)).save(sink, "PNG")
    return sink.getvalue()


def scene_row(number: int) -> Row:
    scene = draw_scene(4, number)
    boxes = [{"bbox": list(box), "category": shape} for box, shape in zip(scene.boxes, scene.shapes, strict=True)]
    return Row(
        f"k{number:03d}",
        replace(ORIGIN, locator=f"row {number}"),
        {"boxes": boxes, "caption": scene.caption},
        {"image": png(scene.picture)},
    )


def photo(seed: int = 0, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    return np.asarray(PillowImage.fromarray(small).resize((size[1], size[0]), PillowImage.Resampling.BICUBIC))


# ---- programs


def test_programs_over_pictures() -> None:
    assert run("which_shows", category="cat") == "Image 3"
    assert run("all_showing", category="dog") == "Image 1 and Image 2"
    assert run("num_showing", category="cup") == "2"
    assert run("total", category="dog") == "3"
    assert run("more", category="dog", first=2, second=1) == "Image 1"
    assert run("most", category="cup") == "Image 4"
    assert run("both", category="dog", first=1, second=2) == "Yes"
    assert run("both", category="dog", first=1, second=3) == "No"
    assert run("num_images") == "4"


@pytest.mark.parametrize(
    ("op", "arguments"),
    [
        ("which_shows", {"category": "dog"}),
        ("total", {"category": "person"}),  # twelve in one picture, a crowd in another
        ("more", {"category": "cat", "first": 1, "second": 2}),
        ("most", {"category": "bird"}),
        ("captioned", {"caption": "none"}),
        ("weigh", {}),
    ],
)
def test_a_program_without_one_answer_is_an_error(op: str, arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"pictures answer|cannot be counted|unknown op"):
        run(op, **arguments)


def test_crowds_and_great_numbers_are_present_and_not_counted() -> None:
    assert SET[2] == {"counts": {"cat": 1}, "present": ["cat", "person"], "captions": []}
    assert SET[3] == {"counts": {"cup": 3}, "present": ["cup", "person"], "captions": []}
    assert picture({"cup": MAX_COUNT})["counts"] == {"cup": MAX_COUNT}
    assert image_truth({"boxes": "none", "caption": " two  words ", "captions": ["two words", 3]})["captions"] == ["two words"]


def test_names_in_the_plural() -> None:
    said = {
        "person": "people",
        "wine glass": "wine glasses",
        "knife": "knives",
        "bus": "buses",
        "toothbrush": "toothbrushes",
        "teddy bear": "teddy bears",
    }
    assert {name: plural(name) for name in said} == said
    assert [plural(name) for name in ("sheep", "berry", "toy", "computer mouse")] == ["sheep", "berries", "toys", "computer mice"]


@pytest.mark.parametrize("seed", range(25))
def test_answers_follow_from_plain_counts(seed: int) -> None:
    """The counts are made here, and each question is answered from them by other code than the programs'."""
    random = np.random.default_rng(seed)
    names = ["dog", "cup", "car", "bird"]
    counts = [{name: int(random.integers(0, 4)) for name in names} for _ in range(int(random.integers(2, 7)))]
    counts = [{**count, "dog": max(1, count["dog"])} for count in counts]
    asked = ask_images([picture(count) for count in counts], rng(seed))
    assert asked
    for one in asked:
        name = str(one.program["category"])
        having = [number + 1 for number, count in enumerate(counts) if count[name]]
        assert re.search(rf"\b(?:{name}|{plural(name)})\b", one.question)
        numbers = [int(number) for number in re.findall(r"\d+", one.answer)]
        op = one.program["op"]
        if op in ("which_shows", "all_showing"):
            assert numbers == having and 0 < len(having) < len(counts)
        elif op == "num_showing":
            assert numbers == [len(having)]
        elif op == "total":
            assert numbers == [sum(count[name] for count in counts)]
        elif op == "most":
            best = max(count[name] for count in counts)
            assert [count[name] for count in counts].count(best) == 1 and counts[numbers[0] - 1][name] == best
        elif op == "more":
            first, second = one.program["first"], one.program["second"]
            other = second if numbers[0] == first else first
            assert counts[numbers[0] - 1][name] > counts[other - 1][name]  # type: ignore[operator]
        else:
            assert op == "both"
            assert one.answer == ("Yes" if {one.program["first"], one.program["second"]} <= set(having) else "No")
    assert max(Counter(one.program["op"] for one in asked).values()) <= 2


def test_a_picture_without_boxes_is_asked_nothing_about_them() -> None:
    assert ask_images([picture({"dog": 1}), picture({})], rng()) == []


def test_a_caption_points_at_one_picture_or_is_not_asked() -> None:
    alike = [picture({}, "A bathroom with a toilet and a sink."), picture({}, "A toilet and sink in a small bathroom.")]
    apart = [picture({}, "A bathroom with a toilet and a sink."), picture({}, "Two brown dogs chasing a ball.")]
    assert telling_captions(alike, rng()) == []
    assert sorted(telling_captions(apart, rng())) == ["A bathroom with a toilet and a sink.", "Two brown dogs chasing a ball."]
    assert telling_captions([*apart, picture({"cup": 1})], rng()) == []  # the caption might fit the picture without one
    boxed = [
        picture({"dog": 1, "ball": 1}, "Two brown dogs chasing a ball."),
        picture({"ball": 1}, "A child kicks it high."),
        picture({"cat": 1}, "Someone asleep on warm bricks."),
    ]
    assert telling_captions(boxed, rng()) == ["Two brown dogs chasing a ball."]  # the others name nothing that only they show


# ---- sets


@pytest.mark.parametrize("total", range(40))
@pytest.mark.parametrize(("smallest", "largest"), [(2, 8), (2, 2), (3, 4), (8, 8)])
def test_sizes_use_up_all_that_can_form_a_set(total: int, smallest: int, largest: int) -> None:
    sizes = set_sizes(total, smallest, largest, rng(total))
    assert all(smallest <= size <= largest for size in sizes)
    left = total - sum(sizes)
    assert 0 <= left < smallest
    if largest >= 2 * smallest - 1:
        assert left == 0 or total < smallest


def gathered(rows: list[Row], **settings: int) -> list[Conversation | Reject]:
    checked = [CheckImage()(row) for row in rows]
    assert not any(isinstance(row, Reject) for row in checked)
    return GatherSets(**settings)([row for row in checked if isinstance(row, Row)])


def test_each_picture_is_in_one_set_or_refused() -> None:
    rows = [scene_row(number) for number in range(23)]
    results = gathered(rows, largest=5)
    parents = [key for result in results if isinstance(result, Conversation) for key in result.parents]
    refused = [result.key for result in results if isinstance(result, Reject)]
    assert sorted(parents + refused) == sorted(row.key for row in rows)
    assert len(parents) >= 20
    for record in results:
        if isinstance(record, Conversation):
            assert CheckAnswers()(record) is record
            assert record.facts[NUM_MEMBERS.name] == len(record.parents) == len(list(images_of(record)))
            by_key = {row.key: row.blobs["image"] for row in rows}
            assert [image.source for image in images_of(record)] == [by_key[key] for key in record.parents]
            assert record.origin.licence == "CC0-1.0" and record.origin.locator.count("row ") == len(record.parents)


def test_sets_do_not_depend_on_the_order_of_the_rows() -> None:
    rows = [scene_row(number) for number in range(12)]
    first, second = gathered(rows), gathered(rows[::-1])
    assert [result.key for result in first] == [result.key for result in second]
    assert [learned_texts(result) for result in first if isinstance(result, Conversation)] == [
        learned_texts(result) for result in second if isinstance(result, Conversation)
    ]
    assert [result.key for result in gathered(rows, seed=1)] != [result.key for result in first]


def test_leftovers_are_refused() -> None:
    assert gathered([scene_row(0)]) == [Reject("k000", "too_few_images", "1 of 1 pictures left, expected 2 or more for a set")]


def test_a_set_with_nothing_to_ask_refuses_its_pictures() -> None:
    row = scene_row(0)
    twins = [replace(row, key=key, fields={"caption": "A dog."}) for key in ("a", "b")]
    assert {(result.key, result.reason) for result in gathered(twins) if isinstance(result, Reject)} == {
        ("a", "nothing_to_compare"),
        ("b", "nothing_to_compare"),
    }


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (replace(scene_row(0), blobs={}), "no_image"),
        (replace(scene_row(0), blobs={"image": b"\xff\xd8\xff\xe0 cut"}), "truncated_image"),
        (replace(scene_row(0), fields={"boxes": [{"bbox": [1, 2, 3, 4]}]}), "no_boxes_or_captions"),
    ],
)
def test_pictures_that_would_spoil_a_set_are_refused_alone(row: Row, reason: str) -> None:
    result = CheckImage()(row)
    assert isinstance(result, Reject) and result.reason == reason
    assert isinstance(CheckImage()(scene_row(0)), Row)


def test_bad_settings_are_errors() -> None:
    with pytest.raises(ValueError, match=f"largest <= {MAX_SET}"):
        GatherSets(largest=9)
    with pytest.raises(ValueError, match="expected changes among cover"):
        ChangePair(changes=("melt",))


def test_conversations_over_too_few_images_are_refused() -> None:
    def talk(count: int) -> Conversation:
        return Conversation("k", ORIGIN, (Turn("user", tuple(Image(source=b"x") for _ in range(count))),))

    outcomes = [KeepSeveralImages()(talk(count)) for count in (1, 2, 8, 9)]
    assert [result.reason if isinstance(result, Reject) else result.facts[NUM_MEMBERS.name] for result in outcomes] == [
        "wrong_num_images",
        2,
        8,
        "wrong_num_images",
    ]


# ---- pairs


def pair(change: str, seed: int = 0, **fields: object) -> tuple[np.ndarray, np.ndarray, dict[str, object], Conversation]:
    record = ChangePair(changes=(change,), seed=seed, max_questions=9)(Row("p", ORIGIN, fields, {"image": png(photo(seed))}))
    assert isinstance(record, Conversation), record
    before, after = (image.pixels for image in images_of(record))
    assert before is not None and after is not None
    assert CheckAnswers()(record) is record
    assert record.facts[CHANGE_FACT.name] == change
    return before, after, json.loads(str(record.facts[TRUTH.name]))["change"], record


@pytest.mark.parametrize("change", LOCAL)
@pytest.mark.parametrize("seed", range(3))
def test_a_local_change_is_seen_in_its_box_and_nowhere_else(change: str, seed: int) -> None:
    before, after, _, record = pair(change, seed)
    moved = np.abs(after.astype(int) - before).sum(axis=2) > 0
    rows, columns = np.flatnonzero(moved.any(axis=1)), np.flatnonzero(moved.any(axis=0))
    height, width = moved.shape
    answer = next(
        answer
        for answer, program in zip(learned_texts(record), json.loads(str(record.facts[PROGRAMS.name])), strict=True)
        if program["op"] == "where"
    )
    x0, y0, x1, y1 = parse_box(answer)
    assert columns[0] >= x0 * width - 1 and columns[-1] < x1 * width + 1 and rows[0] >= y0 * height - 1 and rows[-1] < y1 * height + 1
    assert moved.sum() > 0.5 * (x1 - x0) * (y1 - y0) * width * height
    said = {"cover": "covered", "recolour": "colours", "blur": "blurred", "erase": "erased", "paste": "pasted"}
    assert [name for name, word in said.items() if word in learned_texts(record)[0]] == [change]


@pytest.mark.parametrize("change", WHOLE)
def test_a_whole_change_is_what_it_is_called(change: str) -> None:
    before, after, truth, _ = pair(change)
    assert truth == {"change": change}
    if change == "mirror":
        assert np.array_equal(after, before[:, ::-1])
    elif change == "crop":
        assert after.shape[0] < before.shape[0] and after.shape[1] < before.shape[1]
    elif change == "grey":
        assert (after[..., 0] == after[..., 1]).all() and (after[..., 1] == after[..., 2]).all()
    else:
        assert (after.mean() > before.mean()) == (change == "brighten")


def test_no_change_is_no_change() -> None:
    before, after, truth, record = pair(NONE)
    assert np.array_equal(before, after)
    assert truth == {"change": "none"}
    assert sorted(learned_texts(record)) == ["There is no difference.", "Yes"]


def test_a_change_is_made_to_a_known_box_that_no_other_touches() -> None:
    boxes = [
        {"bbox": [40, 40, 80, 60], "category": "dog"},
        {"bbox": [200, 100, 60, 60], "category": "cup"},
        {"bbox": [220, 120, 60, 60], "category": "cat"},
    ]
    _, _, truth, record = pair("cover", boxes=boxes)
    assert truth == {"change": "cover", "box": [125, 167, 375, 417], "category": "dog"}
    assert "dog" in learned_texts(record) and "top left" in learned_texts(record)


def test_a_change_that_cannot_be_seen_is_refused() -> None:
    plain = Row("p", ORIGIN, {}, {"image": png(np.full((200, 200, 3), 128, np.uint8))})
    for change in ("mirror", "grey", "blur", "erase", "paste", "recolour"):
        result = ChangePair(changes=(change,))(plain)
        assert isinstance(result, Reject) and result.reason == "no_visible_change"
    assert isinstance(ChangePair(changes=("darken",))(plain), Conversation)


def test_a_piece_without_anything_on_it_is_not_pasted() -> None:
    """A pasted piece of plain sky looks like a cover."""
    pixels = np.full((200, 200, 3), 230, np.uint8)
    pixels[100:] = np.random.default_rng(3).integers(0, 120, (100, 200, 3), dtype=np.uint8)
    for number in range(12):
        result = ChangePair(changes=("paste",))(Row(f"p{number}", ORIGIN, {}, {"image": png(pixels)}))
        assert isinstance(result, Conversation)
        before, after = (image.pixels for image in images_of(result))
        changed = (before != after).any(axis=(1, 2)), (before != after).any(axis=(0, 2))
        piece = after[np.ix_(*changed)]
        assert piece.std(axis=(0, 1)).mean() >= 18


def test_a_quarter_of_the_pairs_and_more_are_unchanged() -> None:
    row = Row("p", ORIGIN, {}, {"image": png(photo())})
    changes = Counter(
        str(record.facts[CHANGE_FACT.name])
        for key in range(120)
        if isinstance(record := ChangePair()(replace(row, key=str(key))), Conversation)
    )
    assert 25 <= changes[NONE] <= 55
    assert set(changes) == {*LOCAL, *WHOLE, NONE}


@pytest.mark.parametrize(("blobs", "reason"), [({}, "no_image"), ({"image": b"?"}, "not_an_image")])
def test_rows_without_a_picture_are_refused(blobs: dict[str, bytes], reason: str) -> None:
    result = ChangePair()(Row("p", ORIGIN, {}, blobs))
    assert isinstance(result, Reject) and result.reason == reason


def test_quarters() -> None:
    assert [
        quarter(box) for box in ([0, 0, 500, 500], [500, 10, 900, 400], [0, 600, 400, 900], [600, 600, 900, 900], [400, 0, 600, 300])
    ] == [
        "top left",
        "top right",
        "bottom left",
        "bottom right",
        "",
    ]
    with pytest.raises(ValueError, match="no answer for 'quarter'"):
        execute_change({"change": "cover", "box": [400, 0, 600, 300]}, {"op": "quarter"})


def test_what_is_filled_in_lies_between_its_edges() -> None:
    pixels = np.zeros((60, 60, 3), np.uint8)
    pixels[:, 30:] = 200
    filled = filled_in(pixels, (10, 20, 50, 40))
    assert filled.shape == (20, 40, 3)
    assert filled[10, 1].max() < 60 and filled[10, -2].min() > 140
