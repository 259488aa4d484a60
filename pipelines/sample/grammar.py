"""Small grammars of four languages: paragraphs that read like web text, long enough to tell their language."""

from __future__ import annotations

from collections.abc import Callable
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
            "keeps three families busy from April to the first snow",
            "stood empty for a decade before a teacher took it over",
            "appears on half of the postcards that are sold at the station",
            "lost its roof in a storm and got a better one",
            "runs without a single paid hand",
            "smells of tar, apples and wet wool in autumn",
            "has its own song, which hardly anyone can sing to the end",
        ),
        (
            "because nobody wanted to lose it",
            "although the winters here are long",
            "while the rest of the valley keeps changing",
            "as every child in the street knows",
            "even though the council had its doubts",
            "so that the young ones learn how it was done",
            "since the last flood took everything else",
            "which surprised the engineers from the capital",
            "and the neighbours would not have it otherwise",
            "until somebody finds a cheaper way",
        ),
        (
            "{subject} {predicate}, {reason}.",
            "{person} wrote in {year}: {subject} {predicate}.",
            "There are {count} reports about it, and {person} keeps every one of them at home.",
            "When {person} came back in {year}, only {count} families were still living near the water.",
            "Ask {person}, and you will be told again: {subject} {predicate}.",
            "Of the {count} people who signed the letter of {year}, most had never seen the place.",
            "It was {person} who noticed it first: {subject} {predicate}.",
            "Nobody counted before {year}; then there were {count}, and the newspaper made a headline of it.",
            "A visitor pays {count} cents, a member nothing, {reason}.",
            "The plans of {year} show {count} windows, of which seven were ever built.",
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
            "stand zehn Jahre lang leer, bis eine Lehrerin kam",
            "ist auf der Hälfte aller Postkarten zu sehen",
            "verlor im Sturm das Dach und bekam ein besseres",
            "beschäftigt drei Familien vom April bis zum ersten Schnee",
            "hat ein eigenes Lied, das kaum jemand bis zum Ende kennt",
            "läuft ganz ohne bezahlte Kräfte",
            "riecht im Herbst nach Teer und nach Äpfeln",
        ),
        (
            "weil niemand darauf verzichten möchte",
            "obwohl die Winter hier lang sind",
            "während sich das übrige Tal verändert",
            "damit die Jungen es von den Alten lernen",
            "seit das letzte Hochwasser alles andere nahm",
            "was die Ingenieure aus der Hauptstadt wunderte",
            "und die Nachbarn wollen es nicht anders haben",
        ),
        (
            "{subject} {predicate}, {reason}.",
            "{person} schrieb im Jahr {year}: {subject} {predicate}.",
            "Es gibt {count} Berichte darüber, und {person} bewahrt sie alle zu Hause auf.",
            "Wer mit {person} spricht, der hört bald: {subject} {predicate}.",
            "Von den {count} Leuten, die den Brief von {year} unterschrieben haben, war kaum einer je dort.",
            "Vor dem Jahr {year} hat niemand gezählt; dann waren es {count}, und die Zeitung machte daraus eine Schlagzeile.",
            "Auf den Plänen von {year} sind {count} Fenster zu sehen, von denen nur sieben gebaut wurden.",
            "Ein Gast zahlt {count} Cent und ein Mitglied nichts, {reason}.",
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
            "est resté vide dix ans avant l'arrivée d'une institutrice",
            "figure sur la moitié des cartes postales",
            "a perdu son toit dans la tempête et en a reçu un meilleur",
            "occupe trois familles d'avril jusqu'à la première neige",
            "a sa propre chanson, que personne ne connaît en entier",
            "marche sans une seule personne payée",
            "sent le goudron et la pomme en automne",
        ),
        (
            "parce que personne ne veut y renoncer",
            "bien que les hivers soient très longs ici",
            "alors que le reste de la vallée a changé",
            "pour que les jeunes apprennent le métier des anciens",
            "depuis que la dernière crue a tout emporté",
            "ce qui a surpris les ingénieurs de la capitale",
            "et les voisins ne le voudraient pas autrement",
        ),
        (
            "{subject} {predicate}, {reason}.",
            "{person} écrivait en {year} : {subject} {predicate}.",
            "Il existe {count} récits à ce sujet, et {person} les garde tous à la maison.",
            "Demandez à {person}, et vous entendrez encore : {subject} {predicate}.",
            "Parmi les {count} personnes qui ont signé la lettre de {year}, la plupart n'étaient jamais venues.",
            "Avant {year} personne ne comptait ; puis il y en eut {count}, et le journal en fit un titre.",
            "Sur les plans de {year} on voit {count} fenêtres, dont sept seulement ont été construites.",
            "Un visiteur paie {count} centimes et un membre rien, {reason}.",
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
            "estuvo diez años sin uso hasta que llegó una maestra",
            "aparece en la mitad de las postales",
            "perdió el techo en la tormenta y recibió uno mejor",
            "da trabajo a tres familias desde abril hasta la primera nieve",
            "tiene su propia canción, que casi nadie sabe hasta el final",
            "funciona sin una sola persona pagada",
            "huele a brea y a manzana cuando llega el frío",
        ),
        (
            "porque nadie quiere perder esa tradición",
            "aunque los inviernos aquí son largos",
            "mientras el resto del valle cambió",
            "para que los jóvenes aprendan cómo se hacía",
            "desde que la última crecida se llevó lo demás",
            "lo que sorprendió a los ingenieros de la capital",
            "y los vecinos no lo querrían de otra manera",
        ),
        (
            "{subject} {predicate}, {reason}.",
            "{person} escribió en {year}: {subject} {predicate}.",
            "Hay {count} relatos sobre ello, y {person} los guarda todos en su casa de la montaña.",
            "Quien habla con {person} oye pronto lo mismo: {subject} {predicate}.",
            "De las {count} personas que firmaron la carta de {year}, casi ninguna había estado allí.",
            "Antes de {year} nadie contaba; luego fueron {count}, y el periódico hizo de ello un titular.",
            "En los planos de {year} se ven {count} ventanas, de las que solo siete se hicieron.",
            "Un visitante paga {count} céntimos y un socio nada, {reason}.",
        ),
    ),
}


class Writer:
    """Writes paragraphs in which no phrase comes again before all others of its kind have been used."""

    def __init__(self, rng: np.random.Generator, language: str) -> None:
        self._rng, self._grammar = rng, GRAMMARS[language]
        self._left: dict[tuple, list[int]] = {}

    def _pick(self, options: tuple) -> str:
        left = self._left.setdefault(options, [])
        if not left:
            left += self._rng.permutation(len(options)).tolist()
        return str(options[left.pop()])

    def paragraph(self, topic: str, num_sentences: int) -> str:
        """Sentences about one topic; the first is always a statement about it."""
        said = []
        for number in range(num_sentences):
            frame = self._grammar.frames[0] if number == 0 else self._pick(self._grammar.frames[1:])
            filled = frame.format(
                subject=_Late(lambda: self._pick(self._grammar.subjects[topic])),
                predicate=_Late(lambda: self._pick(self._grammar.predicates)),
                reason=_Late(lambda: self._pick(self._grammar.reasons)),
                person=_Late(lambda: self._pick(PEOPLE)),
                year=int(self._rng.integers(1890, 2024)),
                count=_Late(lambda: self._pick(COUNTS)),
            )
            said.append(filled[0].upper() + filled[1:])
        return " ".join(said)


class _Late:
    """A value that is drawn when a frame asks for it."""

    def __init__(self, draw: Callable[[], str]) -> None:
        self._draw = draw

    def __format__(self, spec: str) -> str:
        return self._draw()


def paragraph(rng: np.random.Generator, language: str, topic: str, num_sentences: int) -> str:
    """One paragraph of a writer of its own."""
    return Writer(rng, language).paragraph(topic, num_sentences)
