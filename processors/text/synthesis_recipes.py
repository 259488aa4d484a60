"""What a model is asked to make of a seed: named prompt recipes, each with audiences, styles and lengths that vary from row to row.

Sources for the kinds: textbook sections and exercises, "Textbooks Are All You Need" (arXiv 2306.11644) and the Phi-4 report (arXiv
2412.08905, section on synthetic data: seeds from the web, diversity by varied prompts); rephrasing as clear prose and as questions with
answers, Maini et al. 2024 (arXiv 2401.16380) and Nemotron-CC (arXiv 2412.02595). The wordings are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from processors.text import synthesis_forms as forms

TEXTBOOK, EXERCISE, DIALOGUE, REPHRASE, CODE = "textbook", "exercise", "dialogue", "rephrase", "code_explanation"

PUPILS = "a pupil of twelve who asks why"
SCHOOL = "a pupil in the last years of school"
STUDENT = "a first-year student"
ADULT = "an adult who reads a good newspaper and knows nothing of the field"
WORKER = "somebody who has to use this at work next week"
EXPERT = "a specialist in a neighbouring field"
LEARNER = "somebody who learns to program and knows one language a little"


@dataclass(frozen=True, slots=True)
class PromptRecipe:
    """`request` has the places {audience}, {style} and {words}. `form` gives what is wrong with a reply for a seed, empty where nothing is.

    Units: `words` are lengths that are asked for. `max_overlap_ratio` is the share of the reply's runs of words that may stand in the seed.
    """

    name: str
    system: str
    request: str
    audiences: tuple[str, ...]
    styles: tuple[str, ...]
    words: tuple[int, ...]
    max_overlap_ratio: float
    form: Callable[[str, str], str]
    min_seed_chars: int = 3
    needs_code: bool = False
    keeps_language: bool = True
    keeps_numbers: bool = False


_ALONE = "Write nothing before or after it: no greeting, no remark on the task, no offer of more."
_UNSEEN = "The reader sees your text alone, so never speak of a passage, a document or a prompt."

RECIPES: dict[str, PromptRecipe] = {
    recipe.name: recipe
    for recipe in (
        PromptRecipe(
            TEXTBOOK,
            "You write textbooks: correct, patient, concrete.",
            "Write a section of a textbook, for {audience}, on the main idea of the material below. {style} Explain each term where it first comes "
            "and leave nothing out that the next step needs. State only what you are sure of; where the material is wrong or unclear, be right. "
            f"About {{words}} words, under a heading line that starts with #. {_UNSEEN} {_ALONE}",
            (PUPILS, SCHOOL, STUDENT, ADULT, WORKER, EXPERT),
            (
                "Begin with a question that the section answers.",
                "Begin with a case from life and come to the rule from there.",
                "Begin with the definition, then reason step by step.",
                "Tell a mistake that is often made, and why it is one.",
                "Set two ideas beside each other and say how they differ.",
                "Go from the simplest case to the general one.",
            ),
            (250, 450, 800),
            0.2,
            forms.textbook,
        ),
        PromptRecipe(
            EXERCISE,
            "You set exercises and solve them without a gap.",
            "Make an exercise, for {audience}, that needs what the material below teaches. {style} It must hold all that its solution needs. Write three "
            "parts, each under its own heading line: '## Exercise', '## Solution' and '## Answer'. The solution goes step by step and says why each "
            f"step holds; check it before you write the answer, which is the result alone. About {{words}} words in all. {_UNSEEN} {_ALONE}",
            (SCHOOL, STUDENT, WORKER, EXPERT),
            (
                "Let it have at least three steps that depend on one another.",
                "Put it into a situation from work or daily life, with numbers that fit it.",
                "Let it ask for the reason, not only for the result.",
                "Let it contain one fact that is not needed.",
                "Let it go backwards: the result is known, and what led to it is asked.",
            ),
            (200, 350, 600),
            0.2,
            forms.exercise,
        ),
        PromptRecipe(
            DIALOGUE,
            "You write conversations in which somebody comes to understand something.",
            "Turn what the material below says into questions and answers, for {audience}. {style} Each question stands on a line that starts with 'Q: ', "
            "each answer follows on a line that starts with 'A: '. At least four pairs, each understandable after those before it, answers of one to four "
            f"sentences that say only what the material supports. About {{words}} words in all. {_UNSEEN} {_ALONE}",
            (PUPILS, SCHOOL, STUDENT, ADULT, WORKER),
            (
                "Go from what it is to why it matters.",
                "Let each question follow from the answer before it.",
                "Mix questions of what, why, how and what if.",
                "Let one question rest on a misunderstanding, which the answer puts right.",
            ),
            (200, 350, 550),
            0.35,
            forms.dialogue,
        ),
        PromptRecipe(
            REPHRASE,
            "You are an editor. You keep what a text says and make it clear.",
            "Say what the material below says in your own words, as clear prose for {audience}. {style} Keep every fact, name and number, add none, and leave out "
            "menus, advertisements and other things that are not part of the text. "
            f"About {{words}} words if the material has as much to say, fewer if not. {_UNSEEN} {_ALONE}",
            (ADULT, STUDENT, SCHOOL),
            (
                "Write as a good encyclopaedia does.",
                "Write short sentences and plain words.",
                "Write as a careful journalist does: what matters most comes first.",
                "Order it anew, so that each thing comes after what it rests on.",
            ),
            (120, 250, 400),
            0.4,
            forms.prose,
            min_seed_chars=200,
            keeps_numbers=True,
        ),
        PromptRecipe(
            CODE,
            "You explain programs to people, exactly and without showing off.",
            "Explain the code below, for {audience}. {style} Quote the lines that you speak of in fenced blocks, exactly as they stand, and say of each what it does "
            f"and why it is there. About {{words}} words beside the code. {_ALONE}",
            (LEARNER, STUDENT, WORKER),
            (
                "Say first what it is for, then go through it in the order in which it runs.",
                "Follow one input of your own through it, with the values on the way.",
                "Say what would go wrong if a line were missing.",
                "Say how much time and memory it takes, and why.",
            ),
            (150, 300, 500),
            0.2,
            forms.code_explanation,
            min_seed_chars=60,
            needs_code=True,
            keeps_language=False,
        ),
    )
}
