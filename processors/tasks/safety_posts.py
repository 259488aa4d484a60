"""Posts with a label, hateful or not, as prompts with a safe answer: what is asked about them, and what is answered, by template.

A hateful post is said by the user and declined, or it is shown to be judged and condemned; a harmless one that looks alike is shown
to be judged and let stand. So the same words are declined where they are meant, and talked about where they are quoted. The
verdict is the label's, which is why a template may write it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from processors.dialogue import language_field, text_field
from processors.tasks.preference import has_pair
from processors.tasks.refusals import WORDINGS, WORDINGS_BY_LANGUAGE
from processors.tasks.safety import BAD_LABEL, RESPONSE_COLUMNS, RefusalTemplates, is_harmful
from processors.tasks.writing import GIVEN, TEMPLATES, WRITTEN_BY, with_fields
from schemas.facts import Fact
from schemas.identity import keyed_rng
from schemas.outcome import Refused, Reject
from schemas.records import Row, with_facts

QUOTED_HARMFUL = Fact("safety.quoted_harmful", bool, "Whether the post that the prompt quotes is hateful; absent where it quotes none")

POST_COLUMNS = ("test_case", "post", "comment", "tweet", "text")
ASKED_COLUMNS = ("prompt", "instruction", "question", "query", "chosen", "messages", "conversations")
MAX_POST_CHARS = 2_000

QUESTIONS: dict[str, tuple[str, ...]] = {
    "en": (
        "Is the following post hateful? Answer yes or no, and say why in a sentence.\n\n{post}",
        'Somebody wrote this in our forum: "{post}" Does it attack people for who they are?',
        "I moderate comments. Should I remove this one as hate speech?\n\n{post}",
        "{post}\n\nDoes this text express hatred of a group of people?",
    ),
    "de": (
        "Ist der folgende Beitrag hasserfüllt? Antworte mit Ja oder Nein und begründe es in einem Satz.\n\n{post}",
        "Jemand hat das in unserem Forum geschrieben: „{post}“ Greift es Menschen für das an, was sie sind?",
    ),
    "fr": (
        "Le message suivant est-il haineux ? Réponds par oui ou par non et explique en une phrase.\n\n{post}",
        "Quelqu'un a écrit ceci sur notre forum : « {post} » Est-ce que cela attaque des gens pour ce qu'ils sont ?",
    ),
    "es": (
        "¿Es este mensaje de odio? Responde sí o no y explica por qué en una frase.\n\n{post}",
        "Alguien escribió esto en nuestro foro: «{post}» ¿Ataca a personas por lo que son?",
    ),
    "it": (
        "Il messaggio seguente esprime odio? Rispondi sì o no e spiega perché in una frase.\n\n{post}",
        "Qualcuno ha scritto questo nel nostro forum: «{post}» Attacca delle persone per quello che sono?",
    ),
    "pt": (
        "A mensagem a seguir é de ódio? Responda sim ou não e explique em uma frase.\n\n{post}",
        "Alguém escreveu isto no nosso fórum: «{post}» Isso ataca pessoas pelo que elas são?",
    ),
    "zh": (
        "下面这条帖子是仇恨言论吗？请回答是或不是，并用一句话说明原因。\n\n{post}",
        "有人在我们的论坛上写道:“{post}”这是在攻击某个群体吗？",
    ),
    "ja": (
        "次の投稿はヘイトスピーチですか。はいかいいえで答え、理由を一文で述べてください。\n\n{post}",
        "掲示板に次の書き込みがありました。「{post}」これは人々をその属性のために攻撃していますか。",
    ),
}
HATEFUL_VERDICTS: dict[str, tuple[str, ...]] = {
    "en": (
        "Yes. It demeans or threatens people for what they are, and it should not stand.",
        "Yes, this is hateful: it turns against people because of the group that they belong to. Everyone deserves respect.",
        "Yes. It attacks people for who they are and not for anything that they did, so it should be removed.",
    ),
    "de": (
        "Ja. Der Beitrag wertet Menschen ab oder bedroht sie, weil sie sind, was sie sind.",
        "Ja, das ist hasserfüllt: Es richtet sich gegen Menschen wegen ihrer Gruppe. Alle verdienen Respekt.",
    ),
    "fr": (
        "Oui. Ce message rabaisse ou menace des gens pour ce qu'ils sont.",
        "Oui, c'est haineux : il s'en prend à des gens à cause de leur groupe. Chacun mérite le respect.",
    ),
    "es": (
        "Sí. El mensaje humilla o amenaza a personas por lo que son.",
        "Sí, es de odio: va contra personas por el grupo al que pertenecen. Todos merecen respeto.",
    ),
    "it": (
        "Sì. Il messaggio umilia o minaccia delle persone per quello che sono.",
        "Sì, esprime odio: se la prende con delle persone per il gruppo a cui appartengono. Tutti meritano rispetto.",
    ),
    "pt": (
        "Sim. A mensagem humilha ou ameaça pessoas pelo que elas são.",
        "Sim, é de ódio: volta-se contra pessoas por causa do seu grupo. Todos merecem respeito.",
    ),
    "zh": ("是。它因为人们的身份而贬低或威胁他们。", "是的，这是仇恨言论:它针对的是某个群体。每个人都应当受到尊重。"),
    "ja": (
        "はい。人々をその属性のためにおとしめ、または脅しています。",
        "はい、憎悪の表現です。特定の集団に属する人々に向けられています。だれもが尊重されるべきです。",
    ),
}
HARMLESS_VERDICTS: dict[str, tuple[str, ...]] = {
    "en": (
        "No. Whatever its tone, it does not attack people for the group that they belong to.",
        "No, it is not hate speech: nobody is demeaned or threatened in it for who they are.",
        "No. Polite or not, it expresses no hatred of a group of people.",
    ),
    "de": (
        "Nein. Wie auch immer der Ton ist: Es greift niemanden wegen seiner Gruppe an.",
        "Nein, das ist kein Hass: Niemand wird darin für das herabgesetzt oder bedroht, was er ist.",
    ),
    "fr": (
        "Non. Quel que soit le ton, il n'attaque personne pour le groupe auquel il appartient.",
        "Non, ce n'est pas haineux : personne n'y est rabaissé ni menacé pour ce qu'il est.",
    ),
    "es": (
        "No. Sea cual sea el tono, no ataca a nadie por el grupo al que pertenece.",
        "No, no es de odio: nadie es humillado ni amenazado por lo que es.",
    ),
    "it": (
        "No. Qualunque sia il tono, non attacca nessuno per il gruppo a cui appartiene.",
        "No, non esprime odio: nessuno viene umiliato o minacciato per quello che è.",
    ),
    "pt": (
        "Não. Seja qual for o tom, não ataca ninguém pelo grupo a que pertence.",
        "Não, não é de ódio: ninguém é humilhado nem ameaçado pelo que é.",
    ),
    "zh": ("不是。不管语气如何，它没有因为人们所属的群体而攻击他们。", "不是，这不是仇恨言论:没有人因为自己的身份而被贬低或威胁。"),
    "ja": (
        "いいえ。口調はどうであれ、属する集団を理由に人を攻撃してはいません。",
        "いいえ、ヘイトスピーチではありません。だれもその属性のためにおとしめられたり脅されたりしていません。",
    ),
}
AGREEMENTS: dict[str, tuple[str, ...]] = {  # what nobody should answer to a hateful post: the other side of a preference
    "en": ("You're right about that.", "I feel the same way.", "That is how it is, and more people should say so."),
    "de": ("Da hast du recht.", "Das sehe ich genauso."),
    "fr": ("Tu as raison.", "Je suis du même avis."),
    "es": ("Tienes razón.", "Yo pienso lo mismo."),
    "it": ("Hai ragione.", "La penso allo stesso modo."),
    "pt": ("Você tem razão.", "Penso da mesma forma."),
    "zh": ("你说得对。", "我也这么想。"),
    "ja": ("そのとおりです。", "私もそう思います。"),
}


@dataclass(frozen=True, slots=True)
class Written:
    """A prompt, its safe answer, an answer that is worse, and whether the prompt itself is harmful."""

    prompt: str
    good: str
    bad: str
    is_harmful: bool


def _pick(wordings: tuple[str, ...], rng: np.random.Generator) -> str:
    return wordings[int(rng.integers(len(wordings)))]


def write_about(post: str, is_hateful: bool, language: str, rng: np.random.Generator) -> Written:
    """A prompt with a post and two answers to it. Half of the hateful posts are said, all others are shown to be judged."""
    refusals = WORDINGS["hate"] if language == "en" else WORDINGS_BY_LANGUAGE[language]
    refusal = _pick(refusals, rng)
    if is_hateful and rng.integers(2):
        return Written(post, refusal, _pick(AGREEMENTS[language], rng), True)
    verdicts = (HATEFUL_VERDICTS, HARMLESS_VERDICTS)
    right, wrong = (_pick(table[language], rng) for table in (verdicts if is_hateful else verdicts[::-1]))
    bad = wrong if rng.integers(2) else refusal
    return Written(_pick(QUESTIONS[language], rng).replace("{post}", post), right, bad, False)


def post_in(fields: Mapping[str, object]) -> str:
    """The post of a row that has a post and no prompt of its own; empty otherwise."""
    return (
        "" if text_field(fields, *ASKED_COLUMNS) or any(fields.get(name) for name in ASKED_COLUMNS) else text_field(fields, *POST_COLUMNS)
    )


@dataclass(frozen=True, slots=True)
class SafetyTemplates:
    """Labelled posts become prompts with their answers, harmful prompts without a response get a refusal; other rows stay, pairs too.

    `language` is that of rows that state none. A post in a language without wordings stays, and is refused for lack of a response.
    """

    language: str = "en"
    seed: int = 0
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (WRITTEN_BY, QUOTED_HARMFUL)
    reasons: ClassVar = (BAD_LABEL,)
    version: ClassVar = 1

    def __call__(self, row: Row) -> Row | Reject:
        if has_pair(row.fields):
            return with_facts(row, {WRITTEN_BY.name: GIVEN})
        post = post_in(row.fields)
        language = language_field(row.fields) or self.language
        try:
            hateful = is_harmful(row.fields)
        except Refused as refused:
            return refused.reject(row.key)
        if (
            not post
            or hateful is None
            or len(post) > MAX_POST_CHARS
            or language not in QUESTIONS
            or text_field(row.fields, *RESPONSE_COLUMNS)
        ):
            return RefusalTemplates(self.seed)(row)
        written = write_about(post, hateful, language, keyed_rng(self.seed, "safety_templates", row.key))
        fields = {"prompt": written.prompt, "response": written.good, "chosen": written.good, "rejected": written.bad}
        told = with_fields(row, **fields, harmful=written.is_harmful, language=language)
        facts: dict[str, bool | str] = {WRITTEN_BY.name: TEMPLATES}
        if not written.is_harmful:
            facts[QUOTED_HARMFUL.name] = hateful
        return with_facts(told, facts)
