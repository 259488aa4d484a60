"""How summaries are asked for, in the eight languages: requests, forms and lengths, several wordings each, as people write them."""

from __future__ import annotations

DOCUMENT, DIALOGUE = "document", "dialogue"

REQUESTS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        DOCUMENT: (
            "Summarize the following text.",
            "What is this text about? Give me a summary.",
            "Please write a short summary of this document.",
            "Sum up the main points of the text.",
            "I don't have time to read all of this. What does it say in essence?",
            "Give a concise summary of the passage.",
        ),
        DIALOGUE: (
            "Summarize the conversation.",
            "What was said in this conversation? Please summarize it.",
            "Write a short summary of the dialogue.",
            "I missed this conversation. What was it about?",
            "Sum up what the speakers talked about.",
        ),
    },
    "de": {
        DOCUMENT: (
            "Fasse den folgenden Text zusammen.",
            "Worum geht es in diesem Text? Bitte fasse ihn kurz zusammen.",
            "Schreibe eine kurze Zusammenfassung des Textes.",
            "Nenne die wichtigsten Punkte des Textes.",
        ),
        DIALOGUE: ("Fasse das Gespräch zusammen.", "Worum ging es in diesem Gespräch?", "Schreibe eine kurze Zusammenfassung des Dialogs."),
    },
    "fr": {
        DOCUMENT: (
            "Résume le texte suivant.",
            "De quoi parle ce texte ? Fais-en un résumé.",
            "Rédige un court résumé de ce document.",
            "Donne les points principaux du texte.",
        ),
        DIALOGUE: ("Résume la conversation.", "De quoi ont-ils parlé ? Fais un résumé.", "Rédige un court résumé du dialogue."),
    },
    "es": {
        DOCUMENT: (
            "Resume el siguiente texto.",
            "¿De qué trata este texto? Haz un resumen.",
            "Escribe un breve resumen del documento.",
            "Di cuáles son los puntos principales del texto.",
        ),
        DIALOGUE: ("Resume la conversación.", "¿De qué hablaron? Haz un resumen.", "Escribe un breve resumen del diálogo."),
    },
    "it": {
        DOCUMENT: (
            "Riassumi il testo seguente.",
            "Di che cosa parla questo testo? Fanne un riassunto.",
            "Scrivi un breve riassunto del documento.",
            "Indica i punti principali del testo.",
        ),
        DIALOGUE: ("Riassumi la conversazione.", "Di che cosa hanno parlato? Fai un riassunto.", "Scrivi un breve riassunto del dialogo."),
    },
    "pt": {
        DOCUMENT: (
            "Resuma o texto a seguir.",
            "De que trata este texto? Faça um resumo.",
            "Escreva um breve resumo do documento.",
            "Diga quais são os pontos principais do texto.",
        ),
        DIALOGUE: ("Resuma a conversa.", "Sobre o que eles conversaram? Faça um resumo.", "Escreva um breve resumo do diálogo."),
    },
    "zh": {
        DOCUMENT: ("请总结下面的文字。", "这段文字讲了什么？请概括一下。", "请为这篇文章写一个简短的摘要。", "请概括全文的要点。"),
        DIALOGUE: ("请总结这段对话。", "他们谈了什么？请概括一下。", "请为这段对话写一个简短的摘要。"),
    },
    "ja": {
        DOCUMENT: (
            "次の文章を要約してください。",
            "この文章は何について書かれていますか。要約してください。",
            "この文書の短い要約を書いてください。",
            "文章の要点をまとめてください。",
        ),
        DIALOGUE: (
            "この会話を要約してください。",
            "この会話では何が話されましたか。要約してください。",
            "この対話の短い要約を書いてください。",
        ),
    },
}

BULLETS, NUMBERED, JSON, EMAIL = "bullets", "numbered", "json", "email"
FORM_WORDINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        BULLETS: ("Answer in bullet points.", "Give the answer as a bulleted list.", "Use bullet points."),
        NUMBERED: ("Answer with a numbered list.", "Number the points of the answer.", "Give the answer as a numbered list."),
        JSON: (
            'Answer as a JSON object with one key, "points", that holds a list of texts.',
            'Reply in JSON: {"points": [...]}, a list of texts.',
            'Return a JSON object whose key "points" is a list of texts.',
        ),
        EMAIL: ("Write the answer as an email.", "Put it in the form of an email.", "Answer as an email with a subject line."),
    },
    "de": {
        BULLETS: ("Antworte in Stichpunkten.", "Gib die Antwort als Aufzählung mit Spiegelstrichen."),
        NUMBERED: ("Antworte mit einer nummerierten Liste.", "Nummeriere die Punkte der Antwort."),
        JSON: ('Antworte als JSON-Objekt mit dem einzigen Schlüssel "points", einer Liste von Texten.',),
        EMAIL: ("Schreibe die Antwort als E-Mail.", "Antworte als E-Mail mit Betreffzeile."),
    },
    "fr": {
        BULLETS: ("Réponds sous forme de liste à puces.", "Utilise des puces."),
        NUMBERED: ("Réponds par une liste numérotée.", "Numérote les points de la réponse."),
        JSON: ('Réponds par un objet JSON dont la seule clé, "points", contient une liste de textes.',),
        EMAIL: ("Écris la réponse sous forme d'e-mail.", "Réponds par un e-mail avec un objet."),
    },
    "es": {
        BULLETS: ("Responde con una lista de viñetas.", "Usa viñetas."),
        NUMBERED: ("Responde con una lista numerada.", "Numera los puntos de la respuesta."),
        JSON: ('Responde con un objeto JSON con una sola clave, "points", que contiene una lista de textos.',),
        EMAIL: ("Escribe la respuesta como un correo electrónico.", "Responde en forma de correo con asunto."),
    },
    "it": {
        BULLETS: ("Rispondi con un elenco puntato.", "Usa un elenco puntato."),
        NUMBERED: ("Rispondi con un elenco numerato.", "Numera i punti della risposta."),
        JSON: ('Rispondi con un oggetto JSON con una sola chiave, "points", che contiene un elenco di testi.',),
        EMAIL: ("Scrivi la risposta come un'e-mail.", "Rispondi con un'e-mail con oggetto."),
    },
    "pt": {
        BULLETS: ("Responda com uma lista de marcadores.", "Use marcadores."),
        NUMBERED: ("Responda com uma lista numerada.", "Numere os pontos da resposta."),
        JSON: ('Responda com um objeto JSON com uma única chave, "points", que contém uma lista de textos.',),
        EMAIL: ("Escreva a resposta como um e-mail.", "Responda em forma de e-mail com assunto."),
    },
    "zh": {
        BULLETS: ("请用项目符号列出要点。", "请以无序列表的形式回答。"),
        NUMBERED: ("请用编号列表回答。", "请给各要点编号。"),
        JSON: ('请用 JSON 对象回答，只有一个键 "points",其值是文字列表。',),
        EMAIL: ("请以电子邮件的形式回答。", "请写成一封带主题的邮件。"),
    },
    "ja": {
        BULLETS: ("箇条書きで答えてください。", "答えを箇条書きにしてください。"),
        NUMBERED: ("番号付きのリストで答えてください。", "要点に番号を付けてください。"),
        JSON: ('キーが "points" だけで、その値が文章のリストである JSON オブジェクトで答えてください。',),
        EMAIL: ("メールの形で答えてください。", "件名のあるメールとして書いてください。"),
    },
}

AT_MOST, AT_LEAST, EXACTLY, ABOUT = "at most", "at least", "exactly", "about"
WORDS, CHARACTERS, SENTENCES, POINTS = "words", "characters", "sentences", "points"
BOUNDS: dict[str, dict[str, str]] = {
    "en": {AT_MOST: "at most", AT_LEAST: "at least", EXACTLY: "exactly", ABOUT: "about"},
    "de": {AT_MOST: "höchstens", AT_LEAST: "mindestens", EXACTLY: "genau", ABOUT: "etwa"},
    "fr": {AT_MOST: "au plus", AT_LEAST: "au moins", EXACTLY: "exactement", ABOUT: "environ"},
    "es": {AT_MOST: "como máximo", AT_LEAST: "como mínimo", EXACTLY: "exactamente", ABOUT: "unas"},
    "it": {AT_MOST: "al massimo", AT_LEAST: "almeno", EXACTLY: "esattamente", ABOUT: "circa"},
    "pt": {AT_MOST: "no máximo", AT_LEAST: "no mínimo", EXACTLY: "exatamente", ABOUT: "cerca de"},
    "zh": {AT_MOST: "最多", AT_LEAST: "至少", EXACTLY: "正好", ABOUT: "大约"},
    "ja": {AT_MOST: "最大", AT_LEAST: "少なくとも", EXACTLY: "ちょうど", ABOUT: "約"},
}
LENGTH_WORDINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        WORDS: ("Use {bound} {number} words.", "Keep it to {bound} {number} words.", "The answer has {bound} {number} words."),
        SENTENCES: ("Use {bound} {number} sentences.", "Answer in {bound} {number} sentences.", "Write {bound} {number} sentences."),
        POINTS: ("Give {bound} {number} points.", "List {bound} {number} points.", "There should be {bound} {number} points."),
    },
    "de": {
        WORDS: ("Verwende {bound} {number} Wörter.", "Die Antwort hat {bound} {number} Wörter."),
        SENTENCES: ("Antworte in {bound} {number} Sätzen.", "Schreibe {bound} {number} Sätze."),
        POINTS: ("Nenne {bound} {number} Punkte.", "Gib {bound} {number} Punkte an."),
    },
    "fr": {
        WORDS: ("Utilise {bound} {number} mots.", "La réponse compte {bound} {number} mots."),
        SENTENCES: ("Réponds en {bound} {number} phrases.", "Écris {bound} {number} phrases."),
        POINTS: ("Donne {bound} {number} points.", "Cite {bound} {number} points."),
    },
    "es": {
        WORDS: ("Usa {bound} {number} palabras.", "La respuesta tiene {bound} {number} palabras."),
        SENTENCES: ("Responde en {bound} {number} frases.", "Escribe {bound} {number} frases."),
        POINTS: ("Da {bound} {number} puntos.", "Enumera {bound} {number} puntos."),
    },
    "it": {
        WORDS: ("Usa {bound} {number} parole.", "La risposta ha {bound} {number} parole."),
        SENTENCES: ("Rispondi in {bound} {number} frasi.", "Scrivi {bound} {number} frasi."),
        POINTS: ("Indica {bound} {number} punti.", "Elenca {bound} {number} punti."),
    },
    "pt": {
        WORDS: ("Use {bound} {number} palavras.", "A resposta tem {bound} {number} palavras."),
        SENTENCES: ("Responda em {bound} {number} frases.", "Escreva {bound} {number} frases."),
        POINTS: ("Dê {bound} {number} pontos.", "Liste {bound} {number} pontos."),
    },
    "zh": {
        CHARACTERS: ("请用{bound}{number}个字回答。", "字数{bound}{number}字。"),
        SENTENCES: ("请用{bound}{number}句话回答。", "请写{bound}{number}句话。"),
        POINTS: ("请列出{bound}{number}点。", "请给出{bound}{number}个要点。"),
    },
    "ja": {
        CHARACTERS: ("{bound}{number}文字で答えてください。", "{bound}{number}字で書いてください。"),
        SENTENCES: ("{bound}{number}文で答えてください。", "{bound}{number}文で書いてください。"),
        POINTS: ("要点を{bound}{number}点挙げてください。", "{bound}{number}点にまとめてください。"),
    },
}
EMAIL_WORDS: dict[str, dict[str, tuple[str, ...]]] = {  # the line of the subject, subjects, greetings, closings
    "en": {
        "label": ("Subject",),
        "subjects": ("Summary of the conversation", "Notes from the meeting", "What was discussed", "Meeting summary"),
        "document": ("Summary", "Summary of the text", "The main points", "In short"),
        "greetings": ("Hello,", "Hi all,", "Dear all,", "Hello everyone,"),
        "closings": ("Best regards", "Kind regards", "Best wishes", "Regards"),
    },
    "de": {
        "label": ("Betreff",),
        "subjects": ("Zusammenfassung des Gesprächs", "Was besprochen wurde"),
        "document": ("Zusammenfassung", "Das Wichtigste in Kürze"),
        "greetings": ("Hallo,", "Guten Tag,", "Hallo zusammen,"),
        "closings": ("Viele Grüße", "Mit freundlichen Grüßen"),
    },
    "fr": {
        "label": ("Objet",),
        "subjects": ("Résumé de la conversation", "Ce qui a été dit"),
        "document": ("Résumé", "L'essentiel du texte"),
        "greetings": ("Bonjour,", "Bonjour à tous,"),
        "closings": ("Cordialement", "Bien à vous"),
    },
    "es": {
        "label": ("Asunto",),
        "subjects": ("Resumen de la conversación", "De qué se habló"),
        "document": ("Resumen", "Lo esencial del texto"),
        "greetings": ("Hola:", "Buenos días:"),
        "closings": ("Saludos", "Un cordial saludo"),
    },
    "it": {
        "label": ("Oggetto",),
        "subjects": ("Riassunto della conversazione", "Di che cosa si è parlato"),
        "document": ("Riassunto", "L'essenziale del testo"),
        "greetings": ("Buongiorno,", "Ciao a tutti,"),
        "closings": ("Cordiali saluti", "Un saluto"),
    },
    "pt": {
        "label": ("Assunto",),
        "subjects": ("Resumo da conversa", "O que foi discutido"),
        "document": ("Resumo", "O essencial do texto"),
        "greetings": ("Olá,", "Bom dia,"),
        "closings": ("Atenciosamente", "Cumprimentos"),
    },
    "zh": {
        "label": ("主题",),
        "subjects": ("谈话摘要", "谈话内容"),
        "document": ("摘要", "内容要点"),
        "greetings": ("大家好:", "您好:"),
        "closings": ("此致敬礼", "祝好"),
    },
    "ja": {
        "label": ("件名",),
        "subjects": ("会話の要約", "話し合いの内容"),
        "document": ("要約", "文章の要点"),
        "greetings": ("皆様", "お疲れ様です。"),
        "closings": ("よろしくお願いいたします。", "以上、よろしくお願いします。"),
    },
}
