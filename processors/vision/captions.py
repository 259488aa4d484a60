"""Which captions are worth learning, and captions that a model writes.

Web alt texts are often no captions: names of files, addresses, tags, buttons, dates. Each kind has a reason of its own. A row's
captions are checked one by one, and one of those that pass is chosen by a hash of seed and key; a row is refused, for the reason
of its first caption, when none passes. What repeats over a whole corpus is found later (see pipelines/dedup.py).
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.dialogue import NO_CAPTION, NO_IMAGE, text_field
from processors.language_id import detect_language
from processors.tasks.replies import reply_json
from processors.tasks.writing import BAD_REPLY, Prompt, with_fields
from schemas.facts import Fact, Limit
from schemas.identity import digest, keyed_rng
from schemas.outcome import Reason, Refused, Reject
from schemas.records import FactValue, Row

NUM_WORDS = Fact("caption.num_words", int, "Words of the chosen caption; each Chinese, Japanese or Thai letter counts as one")
NUM_CAPTIONS = Fact("caption.num_captions", int, "Different captions that the row gives")
NUM_PASSED = Fact("caption.num_passed", int, "Those of them that are worth learning, of which one was chosen")
CAPTION_LANGUAGE = Fact("caption.language", str, "Language of the chosen caption measured by py3langid (ISO 639-1)")
CONFIDENCE = Fact("caption.language_confidence", float, "Probability that py3langid gives the language, 0 to 1; low for few words")
CAPTION_DIGEST = Fact("caption.digest", str, "Digest of the chosen caption without case, white space and punctuation")
CAPTION_FACTS = (NUM_WORDS, NUM_CAPTIONS, NUM_PASSED, CAPTION_LANGUAGE, CONFIDENCE, CAPTION_DIGEST)

FILE_NAME = Reason("caption_is_file_name", "The caption is the name of a file, or of a camera's numbering")
ADDRESS = Reason("caption_is_address", "The caption is a web or mail address, alone or for the most part")
HASHTAGS = Reason("caption_is_hashtags", "The caption is a list of tags or user names")
PLACEHOLDER = Reason("caption_is_placeholder", "The caption says that there is an image, or that there is none, and nothing of it")
BOILERPLATE = Reason("caption_is_boilerplate", "The caption is what a web page says around its pictures: a button, a credit, a notice")
REPEATED_WORDS = Reason("caption_repeats_words", "The caption says few words over and over")
NO_WORDS = Reason("caption_without_words", "The caption has no words: digits, signs or emoji alone")
DATE = Reason("caption_is_date", "The caption is a date or a time and nothing else")
MARKUP = Reason("caption_has_markup", "The caption holds remains of HTML, templates or scripts")
TOO_SHORT = Reason("caption_too_short", "The caption has fewer words or characters than asked for")
TOO_LONG = Reason("caption_too_long", "The caption has more words than asked for")
WRONG_LANGUAGE = Reason("wrong_language", "The measured language is surely not one that was asked for")
CAPTION_REASONS = (
    *(FILE_NAME, ADDRESS, HASHTAGS, PLACEHOLDER, BOILERPLATE, REPEATED_WORDS, NO_WORDS, DATE, MARKUP, TOO_SHORT, TOO_LONG, WRONG_LANGUAGE),
)

MAX_CHARS = 20_000  # of a caption that is looked at
MAX_NAME_CHARS = 300  # of what may be the name of a file, or a date

_SUFFIX = r"(?:jpe?g|png|gif|webp|bmp|tiff?|svg|heic|avif|raw|cr2|nef|arw|psd|ai|eps|pdf|mp4|mov)"
_FILE = re.compile(rf"(?:\S{{0,20}}[\\/])*[^\\/\n]{{1,200}}\.{_SUFFIX}(?:\?\S*)?", re.I)
_SENTENCE = re.compile(r"[^\W\d_]+\s+[^\W\d_]+\s+\S")  # two words before it: a text that ends in the name of a file is a text
_CAMERA = re.compile(
    r"(?:img|image|dsc[nf]?|dscn?|pict?|photo|pxl|mvimg|gopr|dji|p|pa|imgp|sam|cimg|kodak|screen ?shot|screenshot|"
    r"whatsapp image|unnamed|untitled|"
    r"scan|foto|bild|imagen|imagem|capture|wp|vlcsnap|mg|_mg|_dsc)[\s_\-.]*(?=[\d_(])"
    r"(?:[\d\s_\-.()x:]|[ap]m|at|um|à)+(?:[_-]?(?:copy|edit(?:ed)?|kopie|hdr|burst|bw|small|large|thumb))?",
    re.I,
)
_SLUG = re.compile(r"[\w%+]+(?:[-_][\w%+]+){2,}(?:[-_]\d+x\d+)?", re.ASCII)
_HEX = re.compile(r"(?=[0-9a-f-]*\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*", re.I)
_ADDRESS = re.compile(
    r"(?:https?://|www\.)\S+|(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}\w{2,24}|"
    r"(?<![\w.-])(?:[\w-]{1,63}\.){1,8}(?:com|org|net|de|fr|uk|io|jp|cn|ru|it|es|br|info|biz|co)\b(?:/\S*)?",
    re.I,
)
_TAG = re.compile(r"[#@][\w.\-]+")
_MARKUP = re.compile(
    r"</?[a-z][a-z0-9]*(?:\s[^<>]{0,2000})?/?>|<!--|\{\{.{0,200}?\}\}|\[/?(?:caption|img|url|gallery)\b[^\]]{0,500}\]|"
    r"&(?:[a-z]{2,8}|#\d{2,6});|\bfunction\s*\(|"
    r"%(?:s|d|title|alt)%|\$\{\w+\}|\b(?:class|style|href|src|width|height)\s*=\s*[\"']",
    re.I | re.S,
)
_WORD = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿฀-๿]|[^\W_぀-ヿ㐀-䶿一-鿿豈-﫿฀-๿]+(?:['’\-][^\W_]+)*")
_HAS_LETTER = re.compile(r"[^\W\d_]")
_SIZE = re.compile(r"\d+\s?[x×*]\s?\d+(?:\s?(?:px|cm|mm|in))?", re.I)

_MONTH = (
    r"(?:jan|feb|fév|mar|mär|apr|avr|abr|may|mai|mag|"
    r"jun|juin|giu|jul|juil|lug|aug|ago|août|sep|set|oct|okt|ott|out|nov|dec|dez|dic|déc)[^\W\d_]*\.?"
)
_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?"
_DATE = re.compile(
    rf"(?:{_DAY},?\s*)?(?:\d{{1,4}}[./\-]\d{{1,2}}[./\-]\d{{1,4}}|\d{{1,2}}(?:st|nd|rd|th|\.)?\s+(?:of\s+|"
    rf"de\s+)?{_MONTH}(?:\s+(?:de\s+)?,?\s*\d{{2,4}})?|"
    rf"{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{2,4}})?|{_MONTH}\s+\d{{4}}|\d{{4}}年(?:\d{{1,2}}月)?(?:\d{{1,2}}日)?|\d{{1,2}}:\d{{2}})"
    rf"(?:[\sT,]*(?:at\s+|um\s+)?\d{{1,2}}(?::\d{{2}}){{1,2}}(?:\s*[ap]\.?m\.?)?Z?)?",
    re.I,
)

_PLACEHOLDERS = frozenset(
    """image|images|an image|the image|this image|picture|pictures|a picture|photo|photos|a photo|photograph|pic|pics|img|graphic|graphics|
    illustration|icon|logo|thumbnail|thumb|avatar|banner|header|hero|hero image|featured image|cover|cover image|cover photo|
    profile picture|profile photo|background|background image|untitled|unnamed|no title|no alt|alt|alt text|alternative text|default|
    default image|placeholder|image placeholder|placeholder image|no image|no photo|
    no picture|no image available|no photo available|image not available|
    image not found|image unavailable|photo unavailable|image missing|missing image|image coming soon|photo coming soon|coming soon|null|
    none|undefined|nan|n/a|na|not available|unknown|test|lorem ipsum|loading|blank|spacer|pixel|product image|product photo|product|slide|
    slider|gallery|gallery image|figure|image may contain text|may be an image|no description|no caption|description|caption|
    image description|empty|item|media|attachment|file|download image|
    bild|bilder|foto|fotos|abbildung|kein bild|kein bild verfügbar|kein foto|platzhalter|imagen|imágenes|sin imagen|sin título|
    imagem|imagens|sem imagem|sem título|immagine|immagini|nessuna immagine|senza titolo|image non disponible|pas d'image|sans titre|
    photo non disponible|画像|写真|画像なし|图片|图像|照片|暂无图片|无图片|изображение|картинка|фото|нет изображения""".replace(
        "\n", " "
    ).split("|")
)
PLACEHOLDERS = frozenset(" ".join(text.split()) for text in _PLACEHOLDERS)

# what stands at the start of a notice, and is all of it when nothing but a name or a number follows
_NOTICES = re.compile(
    r"(?:click|tap|press)(?: here| on (?:the |this )?(?:image|photo|picture))?(?: to| for| and)\b|(?:view|see|open|"
    r"show) (?:larger|full|bigger|original|all|more|in a? ?larger)|"
    r"enlarge(?: this)? (?:image|photo|picture)|zoom (?:image|in)|read more|learn more|more info|share (?:on|this|via)|"
    r"follow us|like us|subscribe|sign up|log ?in|"
    r"download (?:the )?(?:app|image|pdf|file|now)|advertisement|sponsored|scroll (?:down|up|to)|skip to|back to (?:top|home)|"
    r"go to (?:page|slide|home)|add to (?:cart|bag|wishlist)|"
    r"buy now|shop now|order now|(?:next|previous) (?:image|slide|photo|page|post)|close (?:window|dialog|menu)|"
    r"toggle (?:menu|navigation)|open (?:menu|in new)|"
    r"(?:photo|image|picture|foto|bild)(?: credit| courtesy| source| copyright)?s?\s*(?:by|:|©|\(c\)|courtesy of|von|par|por)|"
    r"(?:©|\(c\)|copyright (?:©|\(c\)|\d|by\b|of\b|all\b))|all rights reserved|"
    r"(?:image|photo) may be subject to copyright|(?:getty|shutterstock|alamy|istock)\b|screenshot of (?:the )?page|"
    r"zum? vergrößern|klicken? (?:sie )?(?:hier|zum|für)|bild vergrößern|mehr (?:lesen|erfahren)|jetzt (?:kaufen|teilen)|"
    r"anzeige$|werbung$|teilen auf|"
    r"cliquez (?:ici |sur l'image )?pour|agrandir (?:l'image|la photo)|lire la suite|en savoir plus|partager sur|publicité$|"
    r"(?:haga|haz) clic|ampliar (?:imagen|foto|imagem)|leer más|compartir en|publicidad$|clique (?:aqui|para|na imagem)|"
    r"leia mais|publicidade$|saiba mais|"
    r"clicca (?:qui|per|sull)|ingrandisci|leggi tutto|condividi su|pubblicità$|クリックして|画像を拡大|クリックで拡大|点击(?:查看|放大|图片)|查看大图|нажмите|увеличить",
    re.I,
)
MAX_NOTICE_WORDS = 8  # a longer text that begins so goes on to say something


@dataclass(frozen=True, slots=True)
class CaptionRules:
    """What a caption must be. `languages` (ISO 639-1) refuses others where `min_confidence` of the measure is reached; empty takes all."""

    min_words: int = 2
    max_words: int = 600  # of long captions written by models, in English about 800 tokens
    min_chars: int = 4
    languages: tuple[str, ...] = ()
    min_confidence: float = 0.8  # below it, py3langid is guessing: few words of any language


def clean_caption(text: str) -> str:
    """The caption with its entities decoded, in NFC, on one line without control characters."""
    text = unicodedata.normalize("NFC", html.unescape(text))
    return " ".join("".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in text).split())


def words_of(text: str) -> list[str]:
    """Its words; scripts without spaces give a word a letter."""
    return _WORD.findall(text)


def caption_digest(text: str) -> str:
    """A digest that ignores case, compatibility forms, white space and punctuation."""
    return digest("".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold())))


def check_caption(text: str, rules: CaptionRules) -> tuple[str, float]:
    """The measured language and its confidence of a clean caption that is worth learning.

    Raises:
        Refused: one of CAPTION_REASONS.
    """
    shown = repr(text[:80])
    if len(text) > MAX_CHARS:
        raise Refused(TOO_LONG, f"{len(text)} characters, expected {MAX_CHARS} or fewer")
    reason = find_junk(text)
    if reason is not None:
        raise Refused(reason, shown)
    num_words = len(words_of(text))
    facts: dict[str, FactValue] = {NUM_WORDS.name: num_words}
    if num_words < rules.min_words or len(text) < rules.min_chars:
        expected = f"{rules.min_words} words and {rules.min_chars} characters or more"
        raise Refused(TOO_SHORT, f"{shown} has {num_words} words and {len(text)} characters, expected {expected}", facts)
    if num_words > rules.max_words:
        raise Refused(TOO_LONG, f"{num_words} words, expected {rules.max_words} or fewer", facts)
    language, confidence = detect_language(text)
    facts |= {CAPTION_LANGUAGE.name: language, CONFIDENCE.name: confidence}
    if rules.languages and language not in rules.languages and confidence >= rules.min_confidence:
        raise Refused(WRONG_LANGUAGE, f"{language} with {confidence:.2f}, expected one of {', '.join(rules.languages)}: {shown}", facts)
    return language, confidence


def find_junk(text: str) -> Reason | None:
    """What kind of junk a caption is; None for one that may say something of its picture."""
    bare = text.strip(" \"'“”‘’()[]{}<>.,;:!?-–—_|*•·…")
    plain = " ".join(bare.casefold().split())
    if plain in PLACEHOLDERS or re.sub(r"(?:\s[#:]?\s?|[#:])\d{1,4}$", "", plain) in PLACEHOLDERS:
        return PLACEHOLDER
    if _MARKUP.search(text):
        return MARKUP
    if len(bare) <= MAX_NAME_CHARS and _DATE.fullmatch(bare):
        return DATE
    if len(bare) <= MAX_NAME_CHARS and _is_file_name(bare):
        return FILE_NAME
    if _is_mostly(_ADDRESS, text):
        return ADDRESS
    if _is_mostly(_TAG, text):
        return HASHTAGS
    words = words_of(text)
    if _SIZE.fullmatch(bare) or not any(_HAS_LETTER.search(word) for word in words):
        return NO_WORDS
    if _NOTICES.match(bare) and len(words) <= MAX_NOTICE_WORDS:
        return BOILERPLATE
    return REPEATED_WORDS if _repeats(words) else None


def _is_file_name(text: str) -> bool:
    if _FILE.fullmatch(text):
        return not _SENTENCE.match(text) or "/" in text or "\\" in text
    if _CAMERA.fullmatch(text) or _HEX.fullmatch(text):
        return True
    # words of a title joined by hyphens or underscores, as names of files are; real words have few hyphens
    return bool(_SLUG.fullmatch(text)) and (text.count("_") >= 2 or text.count("-") >= 3 or any(letter.isdigit() for letter in text))


def _is_mostly(pattern: re.Pattern[str], text: str) -> bool:
    """Whether nine tenths of what is no white space belongs to the pattern, or all words but one do."""
    rest = pattern.sub(" ", text)
    if rest == text:
        return False
    size, left = len("".join(text.split())), len("".join(rest.split()))
    return left * 10 <= size or len(words_of(rest)) <= 1


def _repeats(words: list[str]) -> bool:
    """Whether one word is said three times running, or less than a third of six words or more are different ones."""
    folded = [word.casefold() for word in words if len(word) > 1]  # letters of scripts without spaces repeat by nature
    runs = any(a == b == c and _HAS_LETTER.search(a) for a, b, c in zip(folded, folded[1:], folded[2:], strict=False))
    return runs or (6 <= len(folded) <= 60 and 3 * len(set(folded)) < len(folded))


def captions_of(fields: Mapping[str, object]) -> list[str]:
    """The different captions of a row, clean, in order: the list `captions`, else `caption` or `text`."""
    listed = fields.get("captions")
    found = [text for text in listed if isinstance(text, str)] if isinstance(listed, list) else []
    if not any(text.strip() for text in found):
        found = [text_field(fields, "caption", "text")]
    return list(dict.fromkeys(clean for text in found if (clean := clean_caption(text))))


@dataclass(frozen=True, slots=True)
class KeepCaption:
    """Chooses one of a row's captions among those that are worth learning; CaptionTask then has that one alone."""

    seed: int = 0
    rules: CaptionRules = CaptionRules()
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = CAPTION_FACTS
    reasons: ClassVar = (NO_CAPTION, *CAPTION_REASONS)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        """Too short and too long are also some captions by their characters."""
        words = ((TOO_SHORT, self.rules.min_words, None), (TOO_LONG, None, self.rules.max_words))
        return tuple(Limit(NUM_WORDS, reason.name, least, most, sole=False) for reason, least, most in words)

    def __call__(self, row: Row) -> Row | Reject:
        captions = captions_of(row.fields)
        if not captions:
            return Reject(row.key, NO_CAPTION.name, "expected a non-empty caption, captions or text")
        passed: list[tuple[str, str, float]] = []
        refusals: list[Refused] = []
        for text in captions:
            try:
                passed.append((text, *check_caption(text, self.rules)))
            except Refused as refused:
                refusals.append(refused)
        if not passed:
            return refusals[0].reject(row.key)
        chosen, language, confidence = passed[int(keyed_rng(self.seed, "caption_task", row.key).integers(len(passed)))]
        facts: dict[str, FactValue] = {
            NUM_WORDS.name: len(words_of(chosen)),
            NUM_CAPTIONS.name: len(captions),
            NUM_PASSED.name: len(passed),
            CAPTION_LANGUAGE.name: language,
            CONFIDENCE.name: confidence,
            CAPTION_DIGEST.name: caption_digest(chosen),
        }
        return replace(with_fields(row, caption=chosen, captions=[chosen]), facts={**row.facts, **facts})


CAPTION_REQUEST = (
    "Describe the picture in one to three sentences: what is to be seen, where, and what happens. State only what the picture shows; "
    'do not guess names, places or feelings, and do not begin with "The image shows". '
)
CAPTION_FORM = 'Reply with a JSON object and nothing else: {"caption": "..."}'
MAX_HINT_CHARS = 300


@dataclass(frozen=True, slots=True)
class CaptionWriting:
    """A model describes the row's image. Its alt text goes along as a hint when `with_hint`, never as something to believe."""

    with_hint: bool = False
    language: str = "English"
    max_tokens: int = 300
    reasons: ClassVar = (NO_IMAGE,)

    def prompt(self, row: Row) -> Prompt | Reject:
        if "image" not in row.blobs:
            return Reject(row.key, NO_IMAGE.name, "expected image, or file_name, in the row")
        hints = captions_of(row.fields) if self.with_hint else []
        hint = f'A web page says of it, rightly or wrongly: "{hints[0][:MAX_HINT_CHARS]}". ' if hints else ""
        text = f"{CAPTION_REQUEST}{hint}Write in {self.language}. {CAPTION_FORM}"
        return Prompt(text, max_tokens=self.max_tokens, images=(row.blobs["image"],))

    def read(self, row: Row, reply: str) -> Row | Reject:
        """The row with the written caption in place of its own."""
        try:
            told = reply_json(reply)
        except Refused as refused:
            return refused.reject(row.key)
        if not isinstance(told, Mapping) or set(told) != {"caption"} or not isinstance(told["caption"], str) or not told["caption"].strip():
            return Reject(row.key, BAD_REPLY.name, f"{str(told)[:80]!r}, expected an object with caption, a text, alone")
        return with_fields(row, caption=told["caption"].strip(), captions=[told["caption"].strip()])
