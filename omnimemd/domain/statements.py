"""What a decision says, as far as its words tell: which slots it fills with what, what it gives up and goes back to.

There is no understanding here, only the forms in which people and tools write down what they decided: "timeout is
30 s", "use msgpack for the wire format", "store sessions in Redis", "JSON instead of msgpack", "switched from A to B",
"do not retry uploads". The words of these forms are English; numbers and `name = value` are nobody's language. What is
given as a reason ("because A is no longer supported") is not what was decided, and is left out. Two texts meet in the
stems and identifiers by which they would be found (`search_terms`).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec

from omnimemd.domain.search_terms import terms
from omnimemd.domain.stemming import stem

Keys = frozenset[str]

#: Characters of a text that are read: who decides says so at the beginning.
_READ: Final = 400
#: Words of what is chosen or given up, at most; words of a slot: more is a tale.
_OBJECT: Final = 6
_SLOT: Final = 8
_CHOSEN: Final = 3
_VALUE: Final = 4
#: An end of one word is too wide to have one means only ("use A for tests"), unless it is something done.
_DONE: Final = ("ing", "ion")


class Filled(msgspec.Struct, frozen=True):
    """A slot, of which there is one, and what it is filled with."""

    kind: str  #: "amount" and its measure, "use", "use widely", "with", "place", "is", "whether": they never meet
    slot: Keys
    value: Keys


class GivenUp(msgspec.Struct, frozen=True):
    """What a statement gives up, and what for."""

    keys: Keys
    scope: Keys  #: empty: it does not say what for


class Statement(msgspec.Struct, frozen=True):
    """What a decision says."""

    keys: Keys  #: all it speaks of, what it gives up included
    kept: Keys  #: what it speaks of and does not give up
    chosen: Keys  #: what it decides for, where it says so: "use …", "switch to …"
    scope: Keys  #: what for, where it says so
    filled: tuple[Filled, ...]
    given_up: tuple[GivenUp, ...]
    returns_to: Keys  #: what it goes back to
    told: Keys  #: `keys`, and the amounts that have a measure
    changes: bool  #: whether it says that something is different now
    overturns: bool  #: whether it says that plainly


#: Words that tell nothing of what a statement is about, or only how it decides that.
_EMPTY: Final = frozenset(
    form
    for word in (
        "a an the this that these those it its we our us i my you your they their them one thing is are was were be "
        "been being do does did done have has had will would shall should must may might can could need let to of with "
        "and or by from than then so too very really just still yet already now actually again after all instead "
        "finally always everywhere both same there here about not no never dont s t in on for at under within inside "
        "when while during into via over out up down if but because as off away any more anymore "
        "use go goes going went gone make made set sets keep kept get got choose chose chosen pick adopt prefer take "
        "taken took switch change move migrate raise lower increase decrease reduce bump pin decide decision agree "
        "want replace revert back return stop rather place value now only everything enable enabled turn turned"
    ).split()
    for form in (word, stem(word))
)
#: Units in the smallest of their measure.
_UNITS: Final = {
    name: (measure, float(size))
    for measure, size, names in (
        ("ms", 1, "ms millisecond milliseconds"),
        ("ms", 1e3, "s sec secs second seconds"),
        ("ms", 60e3, "min mins minute minutes"),
        ("ms", 3600e3, "h hr hrs hour hours"),
        ("ms", 86400e3, "d day days"),
        ("ms", 604800e3, "week weeks"),
        ("b", 1, "b byte bytes"),
        ("b", 1e3, "kb"),
        ("b", 1e6, "mb"),
        ("b", 1e9, "gb"),
        ("b", 1024, "kib"),
        ("b", 1024**2, "mib"),
        ("b", 1024**3, "gib"),
        ("%", 1, "% percent"),
        ("", 1, "times x"),
    )
    for name in names.split()
}
_NUMBERS: Final = {
    word: str(number)
    for number, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())
} | {"once": "1", "twice": "2"}
#: A number behind one of these is a name, no amount.
_NUMBERED: Final = frozenset(
    "issue pr ticket bug step phase task case section stage milestone sprint chapter item point line page part fix "
    "commit release example problem question error http status iso rfc rule table figure attempt option test".split()
)
_TOKEN: Final = re.compile(
    rf"(?<![\w.#-])(?P<number>v?\d+(?:[.,_]\d+)*|(?:{'|'.join(_NUMBERS)})\b)(?:\s?(?P<unit>%|[a-zµ]{{1,12}}(?![\w'-])))?"
    r"|#\d+|_*[^\W_](?:[\w']|-(?=\w))*(?:\.\w+)*"
)

_DIGITS: Final = "0123456789.,-e+v_"
_PLAIN: Final = re.compile("[a-z]+")

#: Marks in the plainest form of what they say.
_MARKS: Final = str.maketrans({"`": "", "\u2019": "'", "\u2013": ";", "\u2014": ";"})
#: Between two clauses; and what only says why, or until when.
_BREAK: Final = re.compile(r"[;\n()!?]|\s--?\s|\.(?=\s|$)|:\s(?=.*\s(?:instead|rather))")
_COMMA: Final = re.compile(r"(?<=[^,]),\s")
_AROUND: Final = " \t,.'\"*_-"
_AHEAD: Final = re.compile(r"^(?:for|in|on|at|as|when|under|with|within|during|inside|if)\s")
_REASON: Final = re.compile(
    r"\b(?:because|since|due to|as it|as they|as we|so that|otherwise|given that|now that|thanks to|in order to)\b"
    r"[^;\n,]*?(?=[;\n,]|\.\s|\.?$)"
)
_LABEL: Final = re.compile(
    r"^\W*(?:(?:decision|decided|update|correction|note|edit|we changed our minds?|changed (?:our |my )?minds?|"
    r"change of plans?|on second thoughts?|new plan|ok|okay|actually|final|finally|adr[ -]?\d*)\s*[:,.;-]+\s*)+"
)

#: Where the thing that a phrase names ends.
_END: Final = re.compile(
    r"[,:]|\s(?:for|in|on|at|to|with|by|as|from|when|while|if|but|and|or|so|instead|rather|over|until|after|before|is|are|"
    r"was|were|it|that|which|again|now|everywhere|completely|entirely|altogether|any\s?more|under|within|inside|during|"
    r"into|via|per|than|not|will|would|has|have|about|where|using|next to|between)(?![\w-])"
)
_WHERE: Final = re.compile(
    r"\b(?:for|in|on|at|under|within|inside|during|when|into)\s(?P<scope>[^,:]+?)"
    r"(?=[,:]|\s(?:for|in|on|at|under|within|inside|during|when|instead|rather|use|with|by|we|to|not)\b|$)"
)

_CHANGING: Final = (
    r"(?:switch(?:ed|ing)?|mov(?:e|ed|ing)|migrat(?:e|ed|ing)|chang(?:e|ed|ing)|go|going|went|convert(?:ed)?)"
)
_NOT: Final = (
    r"(?:do not|don'?t|does not|doesn'?t|should not|shouldn'?t|must not|mustn'?t|will not|won'?t|never|"
    r"no longer|not to|avoid)"
)
#: Behind these stands what is given up, …
_GIVES_UP: Final = re.compile(
    r"\b(?:instead of|rather than|in place of|in lieu of|"
    rf"(?:{_NOT}|stop|stopped|not) (?:use|using|used|rely on|relying on|need|depend on)|no longer|"
    r"no(?= [\w ]{2,30} any ?more)|replac(?:e|es|ed|ing)|supersed(?:e|es|ed|ing)|obsoletes|overrid(?:es|ing)|"
    rf"{_CHANGING}(?: [\w ]{{1,30}}?)?(?: away)? (?:from|off)|away from|"
    r"drop(?:ped|ping|s)?|scrap(?:ped|ping|s)?|abandon(?:ed|ing|s)?|ditch(?:ed|ing)?|discard(?:ed|ing)?|"
    r"(?:get|getting|got) rid of|giv(?:e|ing) up(?: on)?|gave up(?: on)?|(?:do|did) away with|forget about|"
    r"remov(?:e|ed|ing)|revert(?:ed|ing|s)?|roll(?:ed|ing)? back|undo|undid|undoing|back(?:ed|ing)? out|not):?\s+"
    r"(?:the (?:switch|move|change|migration|decision|plan) to (?:use )?)?"
    r"(?!(?:to|by|with|back|only|yet|because|sure|needed)\b)(?P<what>.+)"
)
#: … in front of these it does.
_IS_GIVEN_UP: Final = re.compile(
    r"^(?P<what>.{2,60}?)\s(?:(?:is|are|was|were|has been|have been|gets?)\s(?:now |all )?"
    r"(?:no longer (?:used|needed|wanted|required|the|our|an option)|"
    r"not (?:used|needed|wanted|required) any\s?(?:more|longer)|"
    r"gone|dropped|removed|scrapped|abandoned|obsolete|superseded|replaced|reverted|rolled back|"
    r"off the table)|no more)\b"
)
_OVER: Final = re.compile(r"\b(?:prefer(?:red)?|chose|choose|pick(?:ed)?)\s[^,]{2,60}?\sover\s(?P<what>.+)")
#: Behind these, what is chosen.
_CHOOSES: Final = re.compile(
    rf"\b(?:{_CHANGING}(?: (?:over|it))?(?:\s(?:[\w ]{{1,30}}?\s)?from\s[^,]{{2,40}}?)?(?: back)? to|"
    r"(?:back|return(?:ed|ing)?) to|"
    r"(?<!not )(?<!never )(?<!n't )(?<!stop )(?<!longer )us(?:e|es|ed|ing)|go(?:ing)? with|went with|settled? on|"
    r"stick(?:ing)? (?:with|to)|cho(?:ose|se|osing)|pick(?:ed|ing)?|adopt(?:ed|ing)?|prefer(?:red)?|"
    r"replac(?:e|es|ed|ing)\s[^,]{2,60}?\s(?:with|by)|(?:superseded|replaced) (?:with|by)|in favou?r of|"
    r"standardi[sz]ed? on)\s+(?P<what>.+)"
)
_RETURNS: Final = re.compile(r"\b(?:back|revert(?:ed|ing)?|return(?:ed|ing)?) (?:again )?to\s+(?P<what>.+)")

#: A means at the end, by its name: "with a key" is none.
_WITH: Final = re.compile(r"\s(?:with|using|via)\s(?P<what>[\w.+-]+)$")
_FROM_TO: Final = re.compile(r"\bfrom\b.+\bto\b")
_FOR: Final = re.compile(r"\s(?:for|as)\s(?P<scope>[^,:]{2,80})")
#: What is said where something else is done from now on.
_OVERTURNS: Final = re.compile(
    r"\b(?:from now on|now|no longer|any ?more|instead|(?:is|are|was|were) (?:all )?(?:gone|out|deleted|dropped|"
    r"removed|replaced)|new (?:policy|plan|rule)|goes away|moves? to|moved to|switch(?:ed)? to|the old|used to|"
    r"(?:does|did|do) not (?:work|help|scale|catch|hold|fit|suffice)|(?:was|were) wrong)\b"
)
_FOR_FIRST: Final = re.compile(r"^(?:for|as)\s(?P<scope>[^,:]{2,60})[,:]\s")
_PLACE: Final = re.compile(
    r"^(?P<before>[\w./' -]{0,60}?)\b(?:stor(?:e|es|ed|ing)|keeps?|kept|puts?|sav(?:e|es|ed|ing)|persist(?:s|ed)?|"
    r"host(?:s|ed)?|deploy(?:s|ed)?|writ(?:e|es|ten)|lives?|belongs?|goes|moved?|placed?)\s"
    r"(?P<what>[\w./' -]{0,60}?)\b(?:in|on|under|inside|into|to|at|as)\s(?P<place>.+)"
)
_IS: Final = re.compile(
    r"^(?P<slot>[\w./' -]{2,60}?)\s?"
    r"(?:=|:(?=\s)|\s(?:is|are|will be|should be|must be|becomes|defaults to|to)\b(?: now)?)\s?(?P<value>[^,:]{1,60})$"
)
#: Of these there is one.
_ATTRIBUTES: Final = frozenset(
    map(
        stem,
        "default mode level format name encoding strategy policy backend library version language branch license "
        "limit timeout size type order algorithm protocol port owner deadline database directory location threshold "
        "interval delay ttl host url framework runtime priority scheme separator delimiter prefix suffix extension "
        "locale timezone isolation driver dialect transport style convention indentation target platform status theme "
        "licence".split(),
    )
)
#: What is said with these is one more, a trial or a report: it takes nothing's place.
_ADDS: Final = frozenset(
    "add adds added adding also too additional additionally well besides another support supports supported supporting "
    "fix fixed fixes fixing include includes included including allow allows allowed allowing implement implemented "
    "implements wrote create created creates found measured saw fail failed fails pass passed passes took takes cost "
    "costs reported cover covers ran benchmark benchmarked tried try maybe perhaps consider considered released "
    "shipped merged sometimes could might optional optionally alongside tested".split()
)
#: These say that something is different now.
_CHANGES: Final = frozenset(
    "now actually again instead back switch switched change changed move moved migrate migrated longer anymore raise "
    "raised lower lowered increase increased reduce reduced bump bumped".split()
)
_NEGATION: Final = re.compile(
    rf"^(?P<who>(?:\w+ ){{0,3}}?)(?:{_NOT}|no|stop(?:ped)?|disable[sd]?|turn(?:ed)? off)\s(?P<what>.+)"
)


def read(text: str) -> Statement:
    """Return what *text*, a decision, says; of its first 400 characters."""
    return _read(text[:_READ])


@lru_cache(maxsize=2_000)  # who asks again has said little since; 5 KB each
def _read(text: str) -> Statement:
    keys: set[str] = set()
    amounts: set[str] = set()
    lost: set[str] = set()
    scope: set[str] = set()
    chosen = returns = Keys()
    filled: list[Filled] = []
    given_up: list[GivenUp] = []
    changes = overturns = False
    first = True
    for clause in _clauses(text):
        keys |= clause.about
        amounts.update(key for _, key, amount in clause.tokens if amount and not key[-1:].isdigit())
        gone = list(_gone(clause))
        where = clause.keys_in(_WHERE, "scope").difference(*gone)
        scope |= where
        lost.update(*gone)
        given_up += [GivenUp(one, where) for one in gone]
        chosen = chosen or clause.object_of(_CHOOSES) or clause.object_of(_WITH)
        returns = returns or clause.object_of(_RETURNS)
        changes = changes or not clause.words.isdisjoint(_CHANGES)
        overturns = overturns or _OVERTURNS.search(clause.text) is not None
        if clause.words.isdisjoint(_ADDS):
            # what only follows says of a single word no more than by the way: "…, 40 MB for the same batch"
            filled += (one for one in _filled(clause, where) if first or len(one.slot) > 1)
        first = False
    return Statement(
        keys=Keys(keys),
        kept=Keys(keys - lost) | chosen,
        chosen=chosen,
        scope=Keys(scope),
        filled=tuple(filled),
        given_up=tuple(given_up),
        returns_to=returns,
        told=Keys(keys | amounts),
        changes=changes,
        overturns=overturns,
    )


def keys_of(text: str) -> Keys:
    """Return what *text* speaks of: a key for each word that tells something."""
    return Keys([key for _, key, amount in _tokens(text.translate(_MARKS).lower()) if not amount])


class _Clause:
    """A clause in lower case and the keys of its words, in order: for each where it is and whether it is an amount."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = frozenset(_PLAIN.findall(text))
        self.tokens = _tokens(text)
        self.about = Keys([key for _, key, amount in self.tokens if not amount])

    def keys(self, start: int, end: int) -> Keys:
        """Return what is spoken of between *start* and *end*; amounts are not."""
        return Keys([key for at, key, amount in self.tokens if start <= at < end and not amount])

    def all_keys(self, start: int, end: int) -> Keys:
        """Return what is spoken of between *start* and *end*, and the amounts there."""
        return Keys([key for at, key, _ in self.tokens if start <= at < end])

    def object_at(self, start: int) -> Keys:
        """Return what is named at *start*."""
        end = _END.search(self.text, start)
        found = [key for at, key, _ in self.tokens if at >= start and (end is None or at < end.start())]
        return Keys(found[:_OBJECT])

    def object_of(self, pattern: re.Pattern[str]) -> Keys:
        """Return what is named where *pattern* says `what`; nothing if it is not found."""
        match = pattern.search(self.text)
        return Keys() if match is None else self.object_at(match.start("what"))

    def keys_in(self, pattern: re.Pattern[str], group: str) -> Keys:
        """Return what is spoken of in every *group* of *pattern*."""
        return Keys().union(*[self.keys(*match.span(group)) for match in pattern.finditer(self.text)])


def _clauses(text: str) -> Iterator[_Clause]:
    """Yield the clauses of *text*, without labels and reasons."""
    whole = _REASON.sub("", _LABEL.sub("", text.translate(_MARKS).lower()))
    for sentence in _BREAK.split(whole):
        parts = _COMMA.split(sentence.strip(_AROUND))
        if len(parts) > 1 and _AHEAD.match(parts[0]):
            parts[:2] = [f"{parts[0]}, {parts[1]}"]  # "on Linux, use …"
        for part in parts:
            clause = _Clause(part.strip(_AROUND))
            if clause.tokens:
                yield clause


def _tokens(text: str) -> list[tuple[int, str, bool]]:
    """Return where each word of *text* is that tells something, its key, and whether that is an amount."""
    found = []
    before = ""
    for match in _TOKEN.finditer(text):
        number, unit = match.group("number", "unit")
        if number is None:
            before = match[0]
            if key := _key(before):
                found.append((match.start(), key, False))
            continue
        number = _NUMBERS.get(number, number)
        if before in _NUMBERED:
            found.append((match.start(), f"#{number}", False))
        else:
            found.append((match.start(), _amount(number, unit), True))
        if unit and unit not in _UNITS and (key := _key(unit)):
            found.append((match.start("unit"), key, False))
        before = ""
    return found


def _amount(number: str, unit: str | None) -> str:
    """Return a key for an amount, the same in every unit of its measure."""
    measure, size = _UNITS.get(unit or "", ("", 1.0))
    try:
        return f"{float(number.replace('_', '').replace(',', '')) * size:.15g}{measure}"
    except ValueError:  # a version
        return number


@lru_cache(maxsize=4096)
def _key(word: str) -> str:
    """Return what *word* is known by whatever its spelling; empty if it tells nothing."""
    if word.startswith("#"):
        return word
    found = terms(word)
    return "" if not found or word in _EMPTY or found[-1] in _EMPTY else found[-1]


def _gone(clause: _Clause) -> Iterator[Keys]:
    """Yield what *clause* gives up."""
    match = _IS_GIVEN_UP.match(clause.text)
    if match is not None and (what := clause.all_keys(*match.span("what"))):
        yield what
    at = 0
    while (match := _GIVES_UP.search(clause.text, at)) is not None:
        at = match.start("what")
        if what := clause.object_at(at):
            yield what
    if what := clause.object_of(_OVER):
        yield what


def _filled(clause: _Clause, where: Keys) -> Iterator[Filled]:
    """Yield the slots that *clause* fills; *where* is what it says that of."""
    about = clause.about
    if not 0 < len(about) <= _SLOT:
        return
    amounts = [key for _, key, amount in clause.tokens if amount]
    if len(amounts) == 1 or (len(amounts) == 2 and _FROM_TO.search(clause.text)):
        yield Filled(f"amount {amounts[-1].lstrip(_DIGITS)}", about, Keys(amounts[-1:]))
    if (said := _said_to_be(clause, where)) is not None:
        yield said
    if amounts:
        return
    for one in (_used(clause, where), _placed(clause), _done_with(clause)):
        if one is not None:
            yield one
    negation = _NEGATION.match(clause.text)
    if negation is None:
        yield Filled("whether", about, Keys(("yes",)))
    elif what := clause.keys(*negation.span("who")) | clause.keys(*negation.span("what")):
        yield Filled("whether", what, Keys(("no",)))


def _used(clause: _Clause, where: Keys) -> Filled | None:
    """Return what *clause* uses for what: "use A for B", "for B, use A"."""
    match = _CHOOSES.search(clause.text)
    if match is None:
        return None
    chosen = clause.object_at(match.start("what"))
    end = _FOR.search(clause.text, match.start("what")) or _FOR_FIRST.match(clause.text)
    scope = Keys() if end is None else clause.object_at(end.start("scope"))
    if end is None or not chosen or not scope or len(chosen) > _CHOSEN:
        return None
    wide = len(scope) == 1 and not end["scope"].split()[-1].endswith(_DONE)
    return Filled("use widely" if wide else "use", (scope | where) - chosen, chosen)


def _placed(clause: _Clause) -> Filled | None:
    """Return what *clause* keeps where: "store A in B", "A lives in B", "store A as B"."""
    match = _PLACE.match(clause.text)
    if match is None:
        return None
    what = clause.keys(*match.span("before")) | clause.keys(*match.span("what"))
    place = clause.object_at(match.start("place"))
    return Filled("place", what, place) if what and place else None


def _done_with(clause: _Clause) -> Filled | None:
    """Return what *clause* has done with what: "hash the files with blake3"."""
    match = _WITH.search(clause.text)
    if match is None:
        return None
    what = clause.keys(0, match.start())
    return Filled("with", what, clause.object_at(match.start("what"))) if len(what) > 1 else None


def _said_to_be(clause: _Clause, where: Keys) -> Filled | None:
    """Return what *clause* says something is, if there is one such thing: "the default mode is strict"."""
    match = _IS.match(clause.text)
    if match is None:
        return None
    slot = clause.keys(*match.span("slot")) | where
    value = clause.all_keys(*match.span("value")) - where
    words = match["slot"].split()
    single = bool(words) and (_key(words[-1]) in _ATTRIBUTES or "_" in words[-1] or "=" in match[0])
    return Filled("is", slot, value) if single and slot and 0 < len(value) <= _VALUE else None
