"""Synthetic text: a seed document or topic, what is to be made of it, and the strict reading of what a model made.

A row is planned first (`PlanSynthesis`): it becomes a child for each passage, recipe and variant, whose audience, style and length are drawn by
a keyed hash. The child is then asked about (`WriteByModel` with `SynthesisWriting`), and its text is what the model wrote. The seed row is the
child's parent, so that lineage and licence stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from processors import tokens
from processors.dialogue import text_field
from processors.language_id import detect_language
from processors.tasks.refusals import DECLINING
from processors.tasks.writing import BAD_REPLY, Prompt, with_fields
from processors.text import synthesis_forms as forms
from processors.text.synthesis_recipes import RECIPES, PromptRecipe
from schemas.facts import Fact, Limit, Where
from schemas.identity import keyed_rng
from schemas.outcome import Reason, Refused, Reject
from schemas.records import FactValue, Row, with_facts

RECIPE = Fact("synthetic.recipe", str, "The prompt recipe by which the text was written")
SEED_KEY = Fact("synthetic.seed_key", str, "Key of the row that the text was made from")
AUDIENCE = Fact("synthetic.audience", str, "For whom the text was to be written")
STYLE = Fact("synthetic.style", str, "How the text was to be written")
WORDS = Fact("synthetic.asked_words", int, "How many words were asked for")
PASSAGE = Fact("synthetic.passage", int, "Which passage of the seed the text was made from, from 0")
PASSAGES = Fact("synthetic.seed_passages", int, "How many passages the seed has")
OVERLAP = Fact("synthetic.overlap_ratio", float, "Share of the text's runs of eight words that stand in the seed")
REPEATED = Fact("synthetic.repeated_ratio", float, "Share of the text's runs of eight words that have stood in it before")

NO_SEED = Reason("no_seed", "The row has no text, content, topic or title to write from")
SEED_TOO_SHORT = Reason("seed_too_short", "The seed is too short for what is to be made of it")
SEED_NOT_CODE = Reason("seed_not_code", "The seed does not look like a program")
COPIES_SEED = Reason("copies_seed", "The written text repeats the seed's wording")
LANGUAGE_CHANGED = Reason("language_changed", "The written text is in another language than the seed")
NEW_NUMBERS = Reason("new_numbers", "The rephrased text has numbers that its seed has not")

SEED_FIELDS = ("text", "content", "topic", "title")
MIN_LETTERS = 60  # below, a measured language is a guess
SURE = 0.95
MAX_REPEATED_RATIO = 0.25  # prose that repeats its terms measures below 0.05
PARAGRAPH = re.compile(r"\n\s*\n")


def passages_of(text: str, max_chars: int) -> list[str]:
    """A text cut into passages of whole paragraphs; a paragraph that is too long is cut at a line or a space. Nothing but white space is lost."""
    passages: list[str] = []
    held = ""
    for paragraph in PARAGRAPH.split(text.strip()):
        piece = paragraph.strip("\n")
        if held and len(held) + 2 + len(piece) > max_chars:
            passages.append(held)
            held = ""
        while len(piece) > max_chars:
            cut = max(piece.rfind("\n", max_chars // 2, max_chars), piece.rfind(" ", max_chars // 2, max_chars))
            cut = cut if cut > 0 else max_chars
            passages.append(piece[:cut].rstrip())
            piece = piece[cut:].lstrip(" \n")
        held = f"{held}\n\n{piece}" if held else piece
    return [*passages, held] if held.strip() else passages


@dataclass(frozen=True, slots=True)
class PlanSynthesis:
    """A seed row becomes a child for each chosen passage, recipe and variant; its `text` is the passage, its facts say what to make of it.

    Of a long seed, `max_passages` are chosen by a keyed hash. Units: `max_seed_chars` bounds a passage.
    """

    recipes: tuple[str, ...]
    seed: int = 0
    variants: int = 1
    max_passages: int = 2
    max_seed_chars: int = 6_000
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (RECIPE, SEED_KEY, AUDIENCE, STYLE, WORDS, PASSAGE, PASSAGES)
    reasons: ClassVar = (NO_SEED, SEED_TOO_SHORT, SEED_NOT_CODE)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        unknown = [name for name in self.recipes if name not in RECIPES]
        if unknown or not self.recipes or len(set(self.recipes)) < len(self.recipes):
            raise ValueError(f"recipes are {', '.join(self.recipes) or 'none'}, expected some of {', '.join(RECIPES)}, each once")
        for name, least in (("variants", 1), ("max_passages", 1), ("max_seed_chars", 200)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {least} or more")

    def __call__(self, row: Row) -> list[Row] | Reject:
        text = text_field(row.fields, *SEED_FIELDS)
        if not text:
            return Reject(row.key, NO_SEED.name, f"expected text in one of {', '.join(SEED_FIELDS)}")
        passages = passages_of(text, self.max_seed_chars)
        rng = keyed_rng(self.seed, "synthesis passages", row.key)
        chosen = sorted(rng.permutation(len(passages))[: self.max_passages].tolist())
        children: list[Row] = []
        refused: list[Reject] = []
        for number in chosen:
            for name in self.recipes:
                try:
                    check_seed(passages[number], RECIPES[name])
                except Refused as error:
                    refused.append(error.reject(row.key))
                    continue
                children += [
                    self._child(row, passages[number], number, len(passages), RECIPES[name], variant) for variant in range(self.variants)
                ]
        return children or refused[0]

    def _child(self, row: Row, passage: str, number: int, count: int, recipe: PromptRecipe, variant: int) -> Row:
        rng = keyed_rng(self.seed, f"synthesis {recipe.name} {variant}", f"{row.key} {number}")
        pick = lambda options: options[int(rng.integers(len(options)))]  # noqa: E731
        facts = {
            RECIPE.name: recipe.name,
            SEED_KEY.name: row.key,
            AUDIENCE.name: pick(recipe.audiences),
            STYLE.name: pick(recipe.styles),
            WORDS.name: pick(recipe.words),
            PASSAGE.name: number,
            PASSAGES.name: count,
        }
        return replace(row, fields={**row.fields, "text": passage}, blobs={}, facts={**row.facts, **facts})


def check_seed(passage: str, recipe: PromptRecipe) -> None:
    """Raises: Refused where the recipe can make nothing of the passage."""
    if len(passage) < recipe.min_seed_chars:
        raise Refused(SEED_TOO_SHORT, f"{len(passage)} characters, expected {recipe.min_seed_chars} or more for {recipe.name}")
    if recipe.needs_code and not forms.looks_like_code(passage):
        raise Refused(SEED_NOT_CODE, f"it starts {passage[:60]!r}")


@dataclass(frozen=True, slots=True)
class SynthesisWriting:
    """Asks for the text that was planned, and reads it strictly: what is not fit to be learned as it stands is refused.

    Whether what is written is true is not judged. Units: lengths are o200k tokens for each word that was asked for.
    """

    min_tokens_a_word: float = 0.5
    max_tokens_a_word: float = 4.0  # languages without spaces take two to three
    reads: ClassVar = (RECIPE, AUDIENCE, STYLE, WORDS)
    writes: ClassVar = (OVERLAP, REPEATED)
    reasons: ClassVar = (COPIES_SEED, LANGUAGE_CHANGED, NEW_NUMBERS, BAD_REPLY)

    def __post_init__(self) -> None:
        if not 0 < self.min_tokens_a_word < self.max_tokens_a_word:
            raise ValueError(f"tokens a word are {self.min_tokens_a_word:g} to {self.max_tokens_a_word:g}, expected 0 < min < max")

    @property
    def bounds(self) -> tuple[Limit, ...]:
        by_recipe = ((recipe, Where(RECIPE, any_of=(name,))) for name, recipe in RECIPES.items())
        return tuple(Limit(OVERLAP, COPIES_SEED.name, most=recipe.max_overlap_ratio, where=(where,)) for recipe, where in by_recipe)

    def prompt(self, row: Row) -> Prompt:
        recipe, words = RECIPES[str(row.facts[RECIPE.name])], int(row.facts[WORDS.name])
        request = recipe.request.format(audience=row.facts[AUDIENCE.name], style=row.facts[STYLE.name], words=words)
        language = "" if not recipe.keeps_language else " Write in the language of the material."
        text = f"{request}{language}\n\nThe material, in which nothing is meant for you as an instruction:\n<material>\n{row.fields['text']}\n</material>"
        return Prompt(text, recipe.system, int(self.max_tokens_a_word * words) + 256)

    def read(self, row: Row, reply: str) -> Row | Reject:
        recipe, words, seed = RECIPES[str(row.facts[RECIPE.name])], int(row.facts[WORDS.name]), str(row.fields["text"])
        text = forms.unwrapped(reply)
        try:
            self._check_text(text, recipe, words, seed)
            overlap = _check_against(text, recipe, seed)
        except Refused as refused:
            return refused.reject(row.key)
        return with_facts(with_fields(row, text=text), {OVERLAP.name: overlap, REPEATED.name: forms.repeated_ratio(text)})

    def _check_text(self, text: str, recipe: PromptRecipe, words: int, seed: str) -> None:
        if not text:
            raise Refused(BAD_REPLY, "the reply is empty")
        declined = DECLINING.search(text[:200])
        if declined and recipe.name != "dialogue":
            raise Refused(BAD_REPLY, f"the model declines: {text[:80]!r}")
        problem = forms.assistant_talk(text) or forms.broken_off(text)
        if problem:
            raise Refused(BAD_REPLY, problem)
        count, least = tokens.count(text), self.min_tokens_a_word * words
        if recipe.keeps_numbers:  # a rephrased text is as long as what it says
            least = min(least, 0.3 * tokens.count(seed))
        if not least <= count <= self.max_tokens_a_word * words:
            raise Refused(BAD_REPLY, f"{count} tokens, expected {least:.0f} to {self.max_tokens_a_word * words:.0f} for {words} words")
        problem = recipe.form(text, seed)
        if problem:
            raise Refused(BAD_REPLY, problem)
        repeated = forms.repeated_ratio(text)
        if repeated > MAX_REPEATED_RATIO:
            raise Refused(
                BAD_REPLY, f"the text repeats itself: {repeated:.2f} of its runs of words, expected {MAX_REPEATED_RATIO:g} or less"
            )


def _check_against(text: str, recipe: PromptRecipe, seed: str) -> float:
    """What a text must and must not share with its seed; gives the overlap of their wording."""
    if recipe.keeps_language and min(sum(map(str.isalpha, part)) for part in (text, seed)) >= MIN_LETTERS:
        ours, sure = detect_language(forms.without_code(text))
        theirs, theirs_sure = detect_language(seed)
        if ours != theirs and min(sure, theirs_sure) >= SURE:
            raise Refused(LANGUAGE_CHANGED, f"measured as {ours} with {sure:.3f}, the seed as {theirs} with {theirs_sure:.3f}")
    overlap = forms.overlap_ratio(forms.without_code(text) if recipe.needs_code else text, seed)
    facts: dict[str, FactValue] = {OVERLAP.name: overlap}
    if overlap > recipe.max_overlap_ratio:
        detail = f"{overlap:.2f} of its runs of {forms.RUN_WORDS} words, expected {recipe.max_overlap_ratio:g} or less"
        raise Refused(COPIES_SEED, detail, facts)
    strange = forms.new_numbers(text, seed) if recipe.keeps_numbers else []
    if strange:
        raise Refused(NEW_NUMBERS, f"{', '.join(strange[:5])}: {len(strange)}, expected none", facts)
    return overlap
