"""What is held out is never trained on, sources are the same for the same seed, and nothing can be answered without its medium."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np

from pipelines.demonstration import digits, pictures, sums, words
from pipelines.demonstration.evaluation import as_words
from pipelines.demonstration.held_out import TEST, TRAIN, split_of
from pipelines.demonstration.language import BLANK, copied, told
from pipelines.demonstration.schedule import TEST_VOICES, TRAIN_VOICES
from pipelines.demonstration.voices import FLITE, TEST_FLITE, TEST_SPEAKERS, TRAIN_FLITE, TRAIN_VARIANTS
from processors import tokens
from processors.image.crops import plan_crops
from schemas.identity import keyed_rng


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_held_out_sum_is_held_out_in_both_orders_and_every_answer_is_right(tmp_path: Path) -> None:
    sums.make_sums(tmp_path, seed=3, limit=20)
    train, test = lines(tmp_path / "train.jsonl"), lines(tmp_path / "test.jsonl")
    facts = [
        {(sign, *sorted((a, b))) if sign == "+" else (sign, a, b) for a, sign, b in (row["question"].split() for row in side)}
        for side in (train, test)
    ]
    assert facts[0] & facts[1] == set()
    assert len(train) + len(test) == 400 + 210
    assert 0.08 < len(test) / (len(train) + len(test)) < 0.25
    for row in (*train, *test):
        a, sign, b = row["question"].split()
        assert int(row["answer"]) == (int(a) + int(b) if sign == "+" else int(a) - int(b)) >= 0


def test_no_speaker_of_the_test_has_a_voice_that_training_hears() -> None:
    trained = {(speaker.engine, speaker.voice.rpartition("+")[2]) for speaker, _ in digits.train_clips(0, 2_000)}
    trained |= {(FLITE, voice) for voice in TRAIN_VOICES}  # those that ask about pictures
    tested = {(speaker.engine, speaker.voice.rpartition("+")[2]) for speaker, _ in digits.test_clips(0, 4)} | {(FLITE, *TEST_VOICES)}
    assert trained & tested == set()
    assert len(trained) == len(TRAIN_FLITE) + len(TRAIN_VARIANTS)
    assert len(tested) == len(TEST_SPEAKERS) == 7
    assert set(TRAIN_VOICES) == set(TRAIN_FLITE)
    assert TEST_VOICES == TEST_FLITE


def test_strings_of_digits_are_on_one_side() -> None:
    said = [{text for _, text in clips if " " in text} for clips in (digits.train_clips(0, 2_000), digits.test_clips(0, 40))]
    assert said[0] & said[1] == set()
    assert min(map(len, said)) > 100


def words_of(split: str, count: int) -> set[str]:
    return {word for number in range(count) for line in words.draw_page(5, split, number).lines for word in line}


def test_words_of_the_test_are_never_drawn_in_training() -> None:
    drawn = [words_of(split, 60) for split in (TRAIN, TEST)]
    assert drawn[0] & drawn[1] == set()
    assert min(map(len, drawn)) > 300
    letters = [Counter("".join(side)) for side in drawn]
    assert set(letters[1]) <= set(letters[0])  # new words of known letters


def test_no_neighbouring_letters_are_the_same_and_every_line_but_the_last_fills_its_cells() -> None:
    sizes: Counter[int] = Counter()
    for number in range(30):
        page = words.draw_page(0, TRAIN, number)
        sizes[len(page.lines)] += 1
        assert all(len(" ".join(line)) == words.CELLS for line in page.lines[:-1])
        assert 3 <= len(" ".join(page.lines[-1])) <= words.CELLS
        assert all(a != b for line in page.lines for word in line for a, b in itertools.pairwise(word))
        assert page.picture.size == (words.WIDTH_PX, words.HEIGHT_PX)
    assert set(sizes) <= {1, 2, 3, 4}
    assert sizes[words.MAX_LINES] > 15


def test_a_line_can_be_filled_after_every_word_that_is_drawn() -> None:
    assert [cells for cells in range(1, 17) if words.fills(cells)] == [3, 4, 5, *range(7, 17)]
    assert words.fitting_lengths(8) == (3, 4)  # 5 would leave room for a word of two
    assert words.cut([["ab", "cd"], ["ef"]], 1) == [["ab"]]
    assert words.cut([["ab", "cd"], ["ef"]], 3) == [["ab", "cd"], ["ef"]]


def test_spelling_is_a_token_a_letter_and_can_be_read_back() -> None:
    spelled = words.spelled([["nifa", "bok"], ["tun"]])
    assert spelled == "| n i f a / b o k | t u n"
    found = [tokens.decode([token]) for token in tokens.encode(spelled)]
    assert found == ["|", " n", " i", " f", " a", " /", " b", " o", " k", " |", " t", " u", " n"]
    assert as_words(spelled) == "nifa bok tun"


def test_symbols_to_copy_stand_where_their_picture_would() -> None:
    num_tokens = plan_crops(words.WIDTH_PX, words.HEIGHT_PX, 36).num_tokens
    assert num_tokens == 341
    ((question, answer),) = copied(keyed_rng(0, "test", "copied"))
    ids = tokens.encode(question)
    assert len(ids) == num_tokens + len(tokens.encode(words.QUESTION))
    assert answer.startswith("| ")  # so that the first letter has a space before it, too
    written = tokens.encode(answer)[1:]
    (blank,), (gap,) = tokens.encode(BLANK), tokens.encode(words.GAP)
    told = [gap if token == blank else token for token in ids]
    assert told[: len(written)] == written  # in the rows of the picture
    view = words.MAX_LINES * (words.CELLS + 1) + 1
    assert told[view : view + len(written)] == written  # and in those of its global view


def test_a_told_scene_has_the_tokens_of_its_picture_and_is_of_the_training_side() -> None:
    turns = told(keyed_rng(0, "test", "told"), seed=0)
    assert len(turns) == 6
    rows = turns[0][0].rpartition(words.LINE_END)[0] + words.LINE_END
    assert len(tokens.encode(rows)) == plan_crops(pictures.WIDTH_PX, pictures.HEIGHT_PX, 36).num_tokens == 307
    asked = {turns[0][0].rpartition(words.LINE_END)[2]: turns[0][1], **dict(turns[1:])}
    scene = pictures.Scene(asked["What shape is it?"], asked["What colour is it?"])
    assert pictures.split_of_scene(0, scene) == TRAIN


def test_a_scene_is_on_one_side_and_looks_like_itself_alone() -> None:
    listed = pictures.scenes()
    assert len({scene.name for scene in listed}) == len(listed) == 24
    sides = Counter(pictures.split_of_scene(0, scene) for scene in listed)
    assert sides[TEST] == 5
    trained = [scene for scene in listed if pictures.split_of_scene(0, scene) == TRAIN]
    assert {scene.colour for scene in trained} == set(pictures.COLOURS) and {scene.shape for scene in trained} == set(pictures.SHAPES)
    first = np.asarray(pictures.draw(listed[0], keyed_rng(0, "test", "a")))
    colours = {tuple(pixel) for pixel in first.reshape(-1, 3).tolist()}
    assert len(colours) == 2  # the ground and the shape
    assert colours_near(first) == [listed[0].colour]


def colours_near(pixels: np.ndarray) -> list[str]:
    """Names of colours within 30 levels of a pixel."""
    return [name for name, value in pictures.COLOURS.items() if (np.abs(pixels.astype(int) - np.array(value)).max(-1) <= 30).any()]


def test_neither_the_question_alone_nor_the_scene_alone_decides_the_answer() -> None:
    by_question: dict[str, Counter[str]] = {}
    for scene in pictures.scenes():
        asked = pictures.questions(scene)
        assert max(Counter(answer for _, answer in asked).values()) == len(asked) / 2
        for question, answer in asked:
            by_question.setdefault(question, Counter())[answer] += 1
    assert len(by_question) == len(pictures.every_question()) == 6
    for counted in by_question.values():
        assert max(counted.values()) / sum(counted.values()) <= 0.25


def test_the_same_seed_makes_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        pictures.make_pictures(tmp_path / name / "pictures", seed, 6, 4)
        words.make_words(tmp_path / name / "words", seed, 6, 4)
    files = [
        {path.relative_to(tmp_path / name).as_posix(): path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()}
        for name in "abc"
    ]
    assert files[0] == files[1]
    assert files[0].keys() == files[2].keys()
    assert files[0] != files[2]


def test_the_test_side_is_about_as_large_as_asked() -> None:
    sides = Counter(split_of(0, f"thing {number}", 0.25) for number in range(4_000))
    assert 900 < sides[TEST] < 1_100
