"""The words with which a text says that an answer follows, in the languages of the corpora; all in lower case.

Whatever a pattern may repeat is bounded, so that a search takes time in proportion to the text.
"""

from __future__ import annotations

import re

# Names of an answer as such; `RESULTS` are those that an intermediate step has too, so that they count only where nothing else does.
ANSWERS = (
    *("answer", "antwort", "réponse", "reponse", "respuesta", "risposta", "resposta", "答案", "答え", "解答", "正解"),
    *("correct option", "correct choice", "best option", "best choice", "right option", "right choice"),
    *("richtige option", "bonne option", "opción correcta", "opzione corretta", "opção correta", "alternativa correta", "答"),
)
RESULTS = (
    *("final result", "solution", "endergebnis", "ergebnis", "lösung", "résultat", "resultado", "solución", "risultato", "soluzione"),
    *("solução", "结果", "結果", "总数", "合計"),
)
RESULT_LABELS = frozenset({"final result", "endergebnis", "总数", "合計"})  # "Solution:" begins one
CHOOSES = ("故选", "故選", "应选", "應選", "选择", "選擇", "因此选", "所以选", "本题选", "我选")  # a letter follows, without a verb

# ---- what stands between the name and the answer: adjectives, what it is the answer to, then a verb or a mark

_ADJECTIVES = (
    "final|finale|correcta|correcte|correta|corretta|exacta|exacte|esatta|certa|definitiva|définitive|choice|option|letter|set|value"
)
_TO = "to|for|of|in|auf|der|zu|für|à|de|du|la|al|a|para|alla|del|per|do|da"
_VERBS = (
    *("is", "are", "would be", "will be", "should be", "must be", "becomes", "equals", "comes out to", "turns out to be", "was"),
    *(
        "is therefore",
        "is thus",
        "is then",
        "is indeed",
        "is simply",
        "is just",
        "is given by",
        "is equal to",
        "is approximately",
        "is exactly",
    ),
    *("is actually", "is clearly", "is about", "is option", "is choice", "should actually be", "should therefore be"),
    *("ist", "lautet", "wäre", "beträgt", "ist also", "ist daher", "lautet daher", "lautet also", "ist somit"),
    *("est", "est donc", "serait", "vaut", "sera", "es", "es por tanto", "es entonces", "sería", "será", "son"),
    *("è", "e'", "è quindi", "sarebbe", "sarà", "sono", "é", "é portanto", "seria", "são"),
)
_CJK_VERBS = ("应该是", "應該是", "就是", "应为", "應為", "等于", "等於", "是", "为", "為", "选", "選", "は次の通りです", "は、", "は")
_WORDS = "|".join(sorted(map(re.escape, _VERBS), key=len, reverse=True))
_CJK = "|".join(sorted(map(re.escape, _CJK_VERBS), key=len, reverse=True))
SAYS = re.compile(
    rf"s?(?:[ \t]{{1,3}}(?:{_ADJECTIVES})\b){{0,2}}"
    rf"(?:[ \t]{{1,3}}(?:{_TO})\b[^.\n:=?!。]{{1,100}}?)??"
    r"[ \t]{0,3}[*_`\"”»)\]】}]{0,4}[ \t\u00a0\u202f]{0,3}"
    rf"(?:(?P<mark>[:：=])|(?P<verb>(?<!\w)(?:{_WORDS})(?![\w'’]))|(?P<cjk>{_CJK}))"
    r"[ \t]{0,3}(?:[:：](?!\w))?"
)
HEADING = re.compile(r"s?(?:[ \t]{1,3}(?:final|finale|definitiva|définitive))?[ \t]{0,3}[*_#`}\]】>:：.]{0,6}[ \t]{0,8}\r?\n")
# before the name, on its line: nothing but markup and words that belong to it
LABEL = re.compile(
    r"[ \t>*_#`\-•\\(\[【]{0,12}(?:textbf\{|\d{1,2}[.)][ \t]?)?[*_]{0,3}"
    r"(?:(?:so|thus|the|my|our|therefore|hence|final|correct|die|la|a|endgültige|finale|最终|最終|最後の|正确|最終的な)[,，]?[ \t]?){0,3}"
)
# before the name: the answer is only supposed, or asked for
SUPPOSED = re.compile(
    r"\b(?:if|whether|suppose|supposing|assume|assuming|unless|wenn|ob|falls|angenommen|"
    r"si|supongamos|supposons|se|supponiamo|caso|suponha)\b[^.,;:\n]{0,24}$|(?:如果|假设|假設|若|もし|是否)[^。，、\n]{0,8}$"
)
# an answer that begins like this is none: a judgement about it, a pointer, a negation
NO_ANSWER = re.compile(
    r"(?:not|never|no longer|correct|incorrect|right|wrong|reasonable|valid|invalid|consistent|above|below|as follows|obvious|clear|"
    r"unique|in (?:the|a|its) |of the form|expressed|rounded to|given|found|obtained|left|provided|supported|confirmed|verified|already|also|"
    r"still|based|considered|known|the same|different|likely|close to|between|easy|ready|going to|"
    r"nicht|richtig|falsch|korrekt|oben|wie folgt|pas|correcte|incorrecte|comme suit|ci-dessus|correcta|incorrecta|la siguiente|"
    r"corretta|sbagliata|la seguente|correta|incorreta|a seguinte|não|ne|不|否|正确|錯|错|以上|次の|正しい)(?![A-Za-zà-ÿ-])"
)
# an answer that begins like this is the start of a solution
SOLUTION = re.compile(
    r"(?:to|first|firstly|we|let|let's|lets|since|step|in order|there are|i|here|zuerst|wir|um|zunächst|pour|nous|d'abord|"
    r"para|primero|vamos|per|prima|primeiro)\b|首先|我们|まず",
    re.IGNORECASE,
)
# where the answer ends and its reason begins
REASON = re.compile(
    r"(?:[ \t]*[,，、;；–—(][ \t]*|[ \t]+)(?:because|since|as (?:we|it|the|this|there)|which|where|so that|due to|given that|"
    r"weil|denn|car|puisque|parce|porque|ya que|pues|perché|poiché|já que|pois)\b"
    r"|[ \t]*[,，;；–—(][ \t]*(?:not|rather than|nicht|and not|no|non|pas|and (?:we|the|this|so)|so (?:we|the)|da)\b|[，、,]?(?:因为|因為|なぜなら)"
)
ABOUT = re.compile(
    r"(?:about|approximately|approx\.|roughly|around|exactly|simply|just|indeed|only|ungefähr|etwa|genau|environ|aproximadamente|circa|约|大约|約)[ \t]+"
)
JA_ENDS = re.compile(r"(?<=.)\s{0,3}(?:です|である|となります|になります|となる|になる|でした|だ)(?:ね|よ)?$", re.DOTALL)

# ---- doubt, conclusions, further questions

RETRACTS = re.compile(
    r"(?:^|[.!?…。！？\n)\]$*][ \t\n]*|\.\.\.[ \t]*)(?:(?:but|no|oh|hm+|ah|ok|okay)[,.]?[ \t])?"
    r"(?:wait|hold on|hmm+|oops|scratch that|no,|sorry|moment|warte|attendez|attends|espera|espere|aspetta)(?:[ \t]*[,.:!…—–-]|[ \t]+(?:mal|no|a|that)\b)"
    r"|\b(?:that|this|it)(?:'s| is| was)[ \t](?:wrong|incorrect|not right|not correct|impossible)|\b(?:can't|cannot|can not) be (?:right|correct)"
    r"|\bi(?: have|'ve)? made (?:a|an) (?:mistake|error)|\blet me (?:re-?check|re-?do|re-?consider|re-?compute|recalculate|start over|try again)"
    r"|falsch gerechnet|不对|等等|等一下|待って|間違い"
)
CONCLUDES = re.compile(
    r"(?:^|(?<=[\n.!?;:。,>*⇒→∴ ]))(?:(?:therefore|thus|hence|so|consequently|finally|in conclusion|we conclude that|it follows that|in total|"
    r"total|grand total|conclusion|daher|also|somit|folglich|insgesamt|donc|ainsi|par conséquent|finalement|"
    r"por lo tanto|por tanto|entonces|así|finalmente|en total|quindi|dunque|pertanto|infine|portanto|logo|assim)(?![\w-])|"
    r"所以|因此|故|最后|したがって|よって|ゆえに|だから|∴|⇒)"
)
NAMES_VALUE = re.compile(
    r"(?:(?<!\w)(?:is|are|equals|gives|get|was|be|ist|sind|beträgt|ergibt|est|sont|vaut|es|son|è|sono|é|são)(?![\w'’])|=|≈|\\approx|是|为|等于|は)"
)
# a line that begins another question, or `invites` one; `n` is its number, as the parts of one problem have
NEW_QUESTION = re.compile(
    r"(?:^|\n)[ \t>*_#\-]{0,8}(?:(?:new|next|another|follow-?up|bonus)[ \t])?"
    r"(?:question|problem|exercise|instruction|human|user|q|frage|aufgabe|problème|exercice|pregunta|problema|"
    r"ejercicio|domanda|esercizio|pergunta|exercício|问题|問題|题目|質問)[ \t]{0,2}(?P<n>\d{0,4})[ \t]{0,2}[*_]{0,3}[ \t]?[:：][*_]{0,3}"
    r"|(?:^|\n)###[ \t]{1,3}(?:instruction|input|user|human)\b"
    r"|\n[ \t>*_]{0,8}(?P<invites>now,?[ \t]{1,4}it(?:'|’)?s[ \t]{1,4}your[ \t]{1,4}turn\b|now[ \t]{1,4}is[ \t]{1,4}your[ \t]{1,4}(?:chance|turn)\b"
    r"|now,?[ \t]{1,4}(?:solve|try|answer|consider)[ \t]{1,4}(?:the|this|another|a)[ \t]{1,4}(?:(?:new|next|following|similar)[ \t]{1,4})?"
    r"(?:question|problem|exercise)\b"
    r"|here(?:'|’)?s[ \t]{1,4}(?:the|another|a|your)[ \t]{1,4}(?:(?:new|next|similar|following)[ \t]{1,4})?(?:question|problem|exercise)\b)"
)
