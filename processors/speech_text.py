"""The texts that belong to speech, as facts: what was written, what is to be spoken, what was heard."""

from __future__ import annotations

from schemas.facts import Fact

WRITTEN = Fact("speech.written_text", str, "Text of the user turns before it was spoken, a line a turn")
SPOKEN = Fact("speech.spoken_text", str, "Spoken form of the text of the user turns, a line a turn")
HEARD = Fact("speech.heard_text", str, "What the hearing engine heard, a line a clip; empty when it cannot hear the language")
SECOND_HEARD = Fact("speech.second_heard_text", str, "What the second hearing engine heard, a line a clip")
WORDS = Fact(
    "speech.words_json", str, "Words of the transcript with their times: a JSON list of [word, start_s, end_s]; empty when unknown"
)
HEARD_WORDS = Fact(
    "speech.heard_words_json", str, "Heard words of the only clip: a JSON list of [word, start_s, end_s]; empty without times"
)
