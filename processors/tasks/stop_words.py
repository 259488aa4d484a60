"""Words that say little by themselves, in the six spaced languages: articles, pronouns, prepositions, auxiliaries, fillers."""

from __future__ import annotations

_EN = (
    "a an the this that these those there here it its itself he him his she her hers they them their theirs we us our ours you your "
    "yours i me my mine myself who whom whose which what when where why how and or but nor so if then than as of in on at by for with "
    "from to into onto out up down over under about after before between through during against within without again off is am are was "
    "were be been being do does did doing done have has had having will would shall should can could may might must not no yes also "
    "just only very too more most much many some any each every all both few such own same other another one ok oh um uh hm well like "
    "it's i'm he's she's we're they're you're that's there's don't doesn't didn't isn't aren't wasn't weren't won't can't couldn't "
    "wouldn't shouldn't i've you've we've they've i'd you'd he'd she'd we'd they'd i'll you'll he'll she'll we'll they'll let us"
)
_FR = (
    "le la là à les l un une des du de d au aux ce cet cette ces ça c il elle ils elles on je j tu nous vous me m te t se s lui leur leurs y "
    "en mon ma mes ton ta tes son sa ses notre nos votre vos qui que qu quoi dont où quand comment pourquoi et ou mais donc or ni car si "
    "dans sur sous avec sans pour par chez entre vers est sont était étaient être été a ont avait avaient avoir fait ne pas n plus très "
    "aussi bien oui non tout tous toute toutes même comme"
)
_DE = (
    "der die das den dem des ein eine einen einem einer eines dieser diese dieses diesen diesem er sie es ihn ihm ihr ihre ihren ihrem ihrer "
    "wir uns unser unsere ihr euch du dich dir mein meine dein deine sein seine seinen seinem seiner ich mich mir man sich wer was wen wem "
    "welche welcher welches wann wo warum wie und oder aber denn sondern wenn als dass ob weil von in im an am auf aus bei mit nach zu zum "
    "zur über unter vor zwischen durch für gegen ohne um bis ist sind war waren sein gewesen bin bist hat haben hatte hatten wird werden "
    "wurde wurden kann können soll sollen muss müssen nicht kein keine ja nein auch nur noch schon sehr so da hier dort doch mal"
)
_IT = (
    "il lo la i gli le l un uno una di del dello della dei degli delle d a al allo alla ai agli alle da dal dallo dalla dai dagli dalle in "
    "nel nello nella nei negli nelle su sul sulla sui sulle con per tra fra e ed o ma se che chi cui quale quali quando dove come perché "
    "questo questa questi queste quello quella quelli quelle io tu lui lei noi voi loro mi ti si ci vi ne lo mio mia tuo tua suo sua nostro "
    "vostro è sono era erano essere stato stata ho ha hanno aveva avere non sì no anche più molto così poi"
)
_PT = (
    "o a os as um uma uns umas de do da dos das d em no na nos nas num numa por pelo pela pelos pelas para com sem sobre entre até e ou "
    "mas se que quem qual quais quando onde como porque este esta estes estas esse essa isso aquele aquela isto eu tu ele ela nós vós eles "
    "elas me te se lhe lhes meu minha teu tua seu sua nosso nossa é são era eram ser sido foi foram está estão tem têm tinha ter há não sim "
    "também mais muito já ao aos à às você vocês"
)
_ES = (
    "el la los las lo un una unos unas de del a al en por para con sin sobre entre hasta desde y e o u pero sino si que quien quienes cual "
    "cuales cuando donde cómo como porque qué quién cuándo dónde este esta estos estas ese esa esos esas esto eso aquel aquella yo tú él ella "
    "nosotros vosotros ellos ellas me te se le les nos os mi mis tu tus su sus nuestro nuestra es son era eran ser sido fue fueron está están "
    "ha han había haber hay no sí también más muy ya"
)
STOP_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split()) for language, words in (("en", _EN), ("fr", _FR), ("de", _DE), ("it", _IT), ("pt", _PT), ("es", _ES))
}
