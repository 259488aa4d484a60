"""Short lists of function words, by language (ISO 639-1): running text has several of them, a list of products or of key words none.

English has the eight of Gopher's rule (Rae et al. 2021, A1.1); the others are the most frequent words that carry grammar, without
case. Chinese, Japanese and Thai, which are cut by character (processors/text/words.py), have characters; Thai has none that say it.
"""

from __future__ import annotations

from processors.text.words import normal_word

STOP_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(map(normal_word, words.split()))
    for language, words in {
        "ar": "في من على إلى أن التي الذي عن مع هذا هذه ما لا كان",
        "bg": "и на да се в от за с не че е по са",
        "bn": "এবং এই করে থেকে জন্য ও তার এর না যে",
        "ca": "de la el i que en a els les un una per amb és",
        "cs": "a se v na je že o s z do i to ve pro",
        "da": "og i at det en til er af på som den for med de",
        "de": "der die das und in zu den mit von ist nicht ein eine auf",
        "el": "και το να του η της με για από που στο στην είναι οι",
        "en": "the be to of and that have with",
        "es": "de la que el en y a los las un una por con se",
        "et": "ja on ei et see kui oli ka oma või aga",
        "fa": "و در به از که این را با است برای آن",
        "fi": "ja on ei että se oli hän mutta ovat joka kun myös",
        "fr": "de la le et les des en un une que est dans pour du",
        "he": "של את על לא הוא זה עם גם כי או",
        "hi": "के में की है और से का को पर यह कि ने",
        "hr": "i u je se na da za su od s što kao",
        "hu": "a az és hogy nem is egy ez volt meg de vagy",
        "id": "yang dan di dengan untuk dari ini pada itu tidak ke adalah",
        "it": "di e il la che in un una per è non del con si",
        "ja": "の は に を が で と た も な",
        "ko": "이 그 및 수 것 있다 있는 등 한 또는 위해",
        "lt": "ir kad yra iš su į tai kaip bet buvo",
        "lv": "un ir no ar par uz kas kā tas bija",
        "nl": "de het een en van in is dat op te met zijn voor niet",
        "no": "og i det er på en til som av for med at den de",
        "pl": "i w na z do się nie to że jest o jak dla",
        "pt": "de a o que e do da em um uma para com os não",
        "ro": "și de la în a cu pe care nu din un o pentru este",
        "ru": "и в на не что с по как из для это к от был",
        "sk": "a sa v na je že o s z do to pre ako",
        "sl": "in je v na da se za so ki z pa tudi",
        "sr": "и у је да се на за су од са i u je da",
        "sv": "och i att det en som på är av för med den till ett",
        "sw": "ya na wa kwa ni katika za la kuwa hii",
        "ta": "ஒரு என்று இந்த மற்றும் அந்த என்ற இது",
        "tr": "ve bir bu için ile da de olarak çok daha gibi olan",
        "uk": "і в на не що з у до та як це для",
        "ur": "کے میں کی ہے اور سے کا کو پر یہ",
        "vi": "và của là có trong cho được các với một không này",
        "zh": "的 是 在 了 不 和 有 一 这 為 为",
    }.items()
}
