"""Requests for which an assistant needs no tool, with answers that hold for everybody."""

from __future__ import annotations

TALK: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("What does the abbreviation HTML stand for?", "Can you tell me what HTML means?"),
        (
            "HTML stands for HyperText Markup Language.",
            "It is short for HyperText Markup Language, the language in which web pages are written.",
        ),
    ),
    (
        ("Which planet is closest to the sun?", "What is the innermost planet of the solar system?"),
        ("Mercury.", "Mercury is the planet closest to the sun."),
    ),
    (
        ("Give me a synonym for 'happy'.", "What is another word for happy?"),
        ("Cheerful.", 'You could say "cheerful" or "glad".'),
    ),
    (("How do you say 'thank you' in French?",), ("Merci.", 'In French it is "merci".')),
    (
        ("What is the chemical symbol of gold?", "Which symbol does gold have in the periodic table?"),
        ("Au.", "The symbol of gold is Au, from the Latin word aurum."),
    ),
    (
        ("Who wrote Romeo and Juliet?", "Which author is Romeo and Juliet by?"),
        ("William Shakespeare.", "Romeo and Juliet is a play by William Shakespeare."),
    ),
    (
        ("How many continents are there, usually?",),
        ("Seven are usually counted: Africa, Antarctica, Asia, Australia, Europe, North America and South America.",),
    ),
    (
        ("What is the opposite of 'transparent'?",),
        ("Opaque.", 'The opposite of "transparent" is "opaque".'),
    ),
    (
        ("Thanks, that was all.", "Thank you, I don't need anything else."),
        ("You're welcome!", "Glad to help. Have a good day!"),
    ),
    (
        ("Hello!", "Hi there."),
        ("Hello! What can I do for you?", "Hi! How can I help?"),
    ),
    (
        ("What language do people in Brazil mostly speak?",),
        ("Portuguese.", "Most people in Brazil speak Portuguese."),
    ),
    (
        ("At what temperature does water boil at sea level, in Celsius?",),
        ("At 100 degrees Celsius.", "Water boils at 100 °C at sea level."),
    ),
    (
        ("Write one short sentence about the sea.",),
        ("The sea was calm that morning.", "Waves rolled slowly towards the shore."),
    ),
    (
        ("Name three primary colours of light.",),
        ("Red, green and blue.",),
    ),
    (
        ("What is the capital of Japan?", "Which city is Japan's capital?"),
        ("Tokyo.", "The capital of Japan is Tokyo."),
    ),
    (
        ("What is a palindrome?",),
        ("A word or sentence that reads the same forwards and backwards.", 'A text that is the same read backwards, such as "noon".'),
    ),
)
