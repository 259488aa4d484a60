"""The wordings of questions about a transcript that are made by rule, and words that may not be in it, in six languages.

Kinds: `after` and `before` (the neighbour of a word), `first` and `last` (word of the clip), `count` (how often a word is said),
`order` (which of two words comes first), `said` (whether a word is said), `number` (the only number).
"""

from __future__ import annotations

WORDINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "after": (
            'Which word comes right after "{word}"?',
            'What is the next word that the speaker says after "{word}"?',
            'The speaker says "{word}". Which word follows it?',
        ),
        "before": (
            'Which word comes right before "{word}"?',
            'What word does the speaker say just before "{word}"?',
            'The speaker says "{word}". Which word stands in front of it?',
        ),
        "first": ("What is the first word of the recording?", "Which word does the speaker start with?", "Which word is said first?"),
        "last": ("What is the last word of the recording?", "Which word does the speaker end with?", "Which word is said last?"),
        "count": (
            'How many times is the word "{word}" said?',
            'How often does the speaker say "{word}"? Answer with a number.',
            'Count how many times "{word}" is said in the audio.',
        ),
        "order": (
            'Which word is said first, "{word}" or "{other}"?',
            'Does the speaker say "{word}" or "{other}" first?',
            'The speaker says "{word}" and "{other}". Which of the two comes first?',
        ),
        "said": (
            'Does the speaker say the word "{word}"?',
            'Is the word "{word}" said in the audio?',
            'Can the word "{word}" be heard in the recording?',
        ),
        "number": ("What number is mentioned?", "Which number does the speaker say?", "The speaker mentions one number. Which one?"),
    },
    "fr": {
        "after": ("Quel mot vient juste après « {word} » ?", "Quel mot suit « {word} » dans l'enregistrement ?"),
        "before": ("Quel mot vient juste avant « {word} » ?", "Quel mot précède « {word} » dans l'enregistrement ?"),
        "first": ("Quel est le premier mot de l'enregistrement ?", "Par quel mot commence l'enregistrement ?"),
        "last": ("Quel est le dernier mot de l'enregistrement ?", "Par quel mot se termine l'enregistrement ?"),
        "count": ("Combien de fois le mot « {word} » est-il prononcé ?", "Combien de fois entend-on le mot « {word} » ?"),
        "order": ("Quel mot est dit en premier, « {word} » ou « {other} » ?", "Entend-on d'abord « {word} » ou « {other} » ?"),
        "said": ("Le mot « {word} » est-il prononcé ?", "Entend-on le mot « {word} » ?"),
        "number": ("Quel nombre est mentionné ?", "Quel nombre entend-on dans l'enregistrement ?"),
    },
    "de": {
        "after": ("Welches Wort folgt direkt auf „{word}“?", "Welches Wort kommt gleich nach „{word}“?"),
        "before": ("Welches Wort steht direkt vor „{word}“?", "Welches Wort kommt unmittelbar vor „{word}“?"),
        "first": ("Was ist das erste Wort der Aufnahme?", "Mit welchem Wort beginnt die Aufnahme?"),
        "last": ("Was ist das letzte Wort der Aufnahme?", "Mit welchem Wort endet die Aufnahme?"),
        "count": ("Wie oft wird das Wort „{word}“ gesagt?", "Wie viele Male hört man das Wort „{word}“?"),
        "order": ("Welches Wort wird zuerst gesagt, „{word}“ oder „{other}“?", "Hört man zuerst „{word}“ oder „{other}“?"),
        "said": ("Wird das Wort „{word}“ gesagt?", "Hört man in der Aufnahme das Wort „{word}“?"),
        "number": ("Welche Zahl wird genannt?", "Welche Zahl hört man in der Aufnahme?"),
    },
    "it": {
        "after": ("Quale parola viene subito dopo «{word}»?", "Quale parola segue «{word}» nella registrazione?"),
        "before": ("Quale parola viene subito prima di «{word}»?", "Quale parola precede «{word}» nella registrazione?"),
        "first": ("Qual è la prima parola della registrazione?", "Con quale parola inizia la registrazione?"),
        "last": ("Qual è l'ultima parola della registrazione?", "Con quale parola finisce la registrazione?"),
        "count": ("Quante volte viene detta la parola «{word}»?", "Quante volte si sente la parola «{word}»?"),
        "order": ("Quale parola viene detta per prima, «{word}» o «{other}»?", "Si sente prima «{word}» o «{other}»?"),
        "said": ("Viene detta la parola «{word}»?", "Si sente la parola «{word}»?"),
        "number": ("Quale numero viene menzionato?", "Quale numero si sente nella registrazione?"),
    },
    "pt": {
        "after": ("Que palavra vem logo depois de «{word}»?", "Que palavra se segue a «{word}» na gravação?"),
        "before": ("Que palavra vem logo antes de «{word}»?", "Que palavra precede «{word}» na gravação?"),
        "first": ("Qual é a primeira palavra da gravação?", "Com que palavra começa a gravação?"),
        "last": ("Qual é a última palavra da gravação?", "Com que palavra termina a gravação?"),
        "count": ("Quantas vezes é dita a palavra «{word}»?", "Quantas vezes se ouve a palavra «{word}»?"),
        "order": ("Que palavra é dita primeiro, «{word}» ou «{other}»?", "Ouve-se primeiro «{word}» ou «{other}»?"),
        "said": ("A palavra «{word}» é dita?", "Ouve-se a palavra «{word}» na gravação?"),
        "number": ("Que número é mencionado?", "Que número se ouve na gravação?"),
    },
    "es": {
        "after": ("¿Qué palabra viene justo después de «{word}»?", "¿Qué palabra sigue a «{word}» en la grabación?"),
        "before": ("¿Qué palabra viene justo antes de «{word}»?", "¿Qué palabra precede a «{word}» en la grabación?"),
        "first": ("¿Cuál es la primera palabra de la grabación?", "¿Con qué palabra empieza la grabación?"),
        "last": ("¿Cuál es la última palabra de la grabación?", "¿Con qué palabra termina la grabación?"),
        "count": ("¿Cuántas veces se dice la palabra «{word}»?", "¿Cuántas veces se oye la palabra «{word}»?"),
        "order": ("¿Qué palabra se dice primero, «{word}» o «{other}»?", "¿Se oye primero «{word}» o «{other}»?"),
        "said": ("¿Se dice la palabra «{word}»?", "¿Se oye la palabra «{word}» en la grabación?"),
        "number": ("¿Qué número se menciona?", "¿Qué número se oye en la grabación?"),
    },
}
YES_NO = {
    "en": ("Yes", "No"),
    "fr": ("Oui", "Non"),
    "de": ("Ja", "Nein"),
    "it": ("Sì", "No"),
    "pt": ("Sim", "Não"),
    "es": ("Sí", "No"),
    "zh": ("是", "不"),
    "ja": ("はい", "いいえ"),
}
_COMMON = {  # frequent words of everyday speech
    "en": "people water house money family night music school garden letter summer winter doctor teacher brother sister mother father kitchen "
    "window morning evening country village river mountain island forest animal horse bread butter coffee sugar table chair paper pencil "
    "picture story answer question reason problem number minute hour month weather travel train ticket station market office lawyer soldier "
    "king queen castle church bridge street corner building machine engine bottle basket blanket pocket silver golden yellow purple orange "
    "little small large heavy quiet simple strange famous hungry thirsty angry happy lonely clever gentle begin finish forget remember "
    "listen explain promise follow travel arrive",
    "fr": "maison voiture argent famille musique école jardin lettre hiver printemps médecin frère sœur mère père cuisine fenêtre matin soir pays "
    "village rivière montagne forêt animal cheval pain beurre café sucre table chaise papier histoire réponse question raison problème",
    "de": "Haus Wagen Geld Familie Musik Schule Garten Brief Winter Sommer Arzt Bruder Schwester Mutter Vater Küche Fenster Morgen Abend Land "
    "Dorf Fluss Berg Wald Tier Pferd Brot Butter Kaffee Zucker Tisch Stuhl Papier Geschichte Antwort Frage Grund Problem",
    "it": "casa macchina denaro famiglia musica scuola giardino lettera inverno estate medico fratello sorella madre padre cucina finestra "
    "mattina sera paese villaggio fiume montagna foresta animale cavallo pane burro caffè zucchero tavolo sedia carta storia risposta",
    "pt": "casa carro dinheiro família música escola jardim carta inverno verão médico irmão irmã mãe pai cozinha janela manhã noite país "
    "aldeia rio montanha floresta animal cavalo pão manteiga café açúcar mesa cadeira papel história resposta pergunta razão problema",
    "es": "casa coche dinero familia música escuela jardín carta invierno verano médico hermano hermana madre padre cocina ventana mañana noche "
    "país pueblo río montaña bosque animal caballo pan mantequilla café azúcar mesa silla papel historia respuesta pregunta razón problema",
}
COMMON_WORDS = {language: tuple(dict.fromkeys(words.split())) for language, words in _COMMON.items()}
