"""Small grammars of four languages: paragraphs that read like web text, long enough to tell their language."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PEOPLE = ("Maria Lindner", "Paul Weber", "Claire Moreau", "Jean Petit", "Ana Torres", "Luis Romero", "Emma Clarke", "Tom Baker")
COUNTS = (3, 7, 12, 18, 24, 31, 46, 52, 68, 75, 83, 99, 120, 240, 365)


@dataclass(frozen=True, slots=True)
class Grammar:
    """Topics with their subjects and what may be said of every one of them; `{person}`, `{year}`, `{count}` are filled in."""

    subjects: dict[str, tuple[str, ...]]
    predicates: tuple[str, ...]
    reasons: tuple[str, ...]
    frames: tuple[str, ...]


GRAMMARS = {
    "en": Grammar(
        {
            "rivers": ("The old bridge", "The flood wall below the mill", "The ferry across the river", "The fishing club"),
            "railways": ("The mountain railway", "The night train to the coast", "The little station", "The signal tower"),
            "gardens": ("The school garden", "The orchard behind the church", "The glass house in the park", "The seed exchange"),
            "bread": ("The corner bakery", "The village oven", "The rye bread of our valley", "The weekly market"),
            "stars": ("The observatory on the hill", "The public telescope", "The evening course in astronomy", "The star map"),
        },
        (
            "was saved by the people of the town",
            "has drawn visitors from far away for years",
            "needs careful work every spring",
            "costs more than anybody had expected",
            "will be shown to every school class this summer",
        ),
        (
            "because nobody wanted to lose it",
            "although the winters here are long",
            "while the rest of the valley keeps changing",
            "as every child in the street knows",
            "even though the council had its doubts",
        ),
        (
            "{subject} {predicate}, {reason}.",
            "{person} wrote in {year}: {subject} {predicate}.",
            "There are {count} reports about it, and {person} keeps every one of them at home.",
            "When {person} came back in {year}, only {count} families were still living near the water.",
        ),
    ),
    "de": Grammar(
        {
            "Brücken": ("Die alte Brücke", "Die kleine Fähre am Fluss", "Der Hochwasserschutz unterhalb der Mühle"),
            "Züge": ("Der kleine Bahnhof", "Die Bergbahn", "Der Nachtzug an die Küste"),
            "Gärten": ("Der Schulgarten", "Die Obstwiese hinter der Kirche", "Das Gewächshaus im Park"),
        },
        (
            "braucht jedes Frühjahr viel Pflege",
            "kostet mehr, als man früher glaubte",
            "gehört für viele Bürger zur schönsten Zeit des Jahres",
        ),
        ("weil niemand darauf verzichten möchte", "obwohl die Winter hier lang sind", "während sich das übrige Tal verändert"),
        (
            "{subject} {predicate}, {reason}.",
            "{person} schrieb im Jahr {year}: {subject} {predicate}.",
            "Es gibt {count} Berichte darüber, und {person} bewahrt sie alle zu Hause auf.",
        ),
    ),
    "fr": Grammar(
        {
            "ponts": ("Le vieux pont", "Le bac sur la rivière", "La digue près du moulin"),
            "trains": ("La petite gare", "Le train de nuit vers la côte", "Le chemin de fer de la vallée"),
            "jardins": ("Le jardin de l'école", "Le verger derrière l'église", "La grande serre du parc"),
        },
        (
            "attire des visiteurs venus de très loin",
            "demande beaucoup de soin chaque été",
            "coûte plus cher que tout le monde ne le pensait",
        ),
        ("parce que personne ne veut y renoncer", "bien que les hivers soient très longs ici", "alors que le reste de la vallée a changé"),
        (
            "{subject} {predicate}, {reason}.",
            "{person} écrivait en {year} : {subject} {predicate}.",
            "Il existe {count} récits à ce sujet, et {person} les garde tous à la maison.",
        ),
    ),
    "es": Grammar(
        {
            "puentes": ("El puente viejo", "La barca que cruza el río", "El muro junto al molino"),
            "trenes": ("La pequeña estación", "El tren nocturno hacia la costa", "El ferrocarril de la montaña"),
            "jardines": ("El jardín de la escuela", "El huerto detrás de la iglesia", "El invernadero del parque"),
        },
        (
            "recibe visitantes de muy lejos desde hace años",
            "necesita mucho cuidado cada otoño",
            "cuesta más de lo que la gente creía",
        ),
        ("porque nadie quiere perder esa tradición", "aunque los inviernos aquí son largos", "mientras el resto del valle cambió"),
        (
            "{subject} {predicate}, {reason}.",
            "{person} escribió en {year}: {subject} {predicate}.",
            "Hay {count} relatos sobre ello, y {person} los guarda todos en su casa de la montaña.",
        ),
    ),
}


def paragraph(rng: np.random.Generator, language: str, topic: str, num_sentences: int) -> str:
    """Sentences about one topic; the first is always a statement about it."""
    grammar = GRAMMARS[language]

    def pick(options: tuple) -> str:
        return str(options[int(rng.integers(len(options)))])

    said = []
    for number in range(num_sentences):
        frame = grammar.frames[0] if number == 0 else pick(grammar.frames)
        filled = frame.format(
            subject=pick(grammar.subjects[topic]),
            predicate=pick(grammar.predicates),
            reason=pick(grammar.reasons),
            person=pick(PEOPLE),
            year=int(rng.integers(1890, 2024)),
            count=pick(COUNTS),
        )
        said.append(filled)
    return " ".join(said)
