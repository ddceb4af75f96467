"""Decide in which sessions what was observed is recorded."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from omnimem.model import Attribution
from omnimemd.domain.activity import Moved, Span
from omnimemd.domain.attribution import RATIO, Contender, Deed, Kind, Share, by_place, explain, kind_of, settle
from omnimemd.domain.bursts import BurstPart
from omnimemd.domain.claims import Claim, Claims
from omnimemd.domain.clock import Millis
from omnimemd.domain.coalescing import Observed
from omnimemd.domain.file_events import FileEvent
from omnimemd.domain.fitting import LOOKED_INTO, beyond, fitting, swept
from omnimemd.domain.identity import ProcessIdentity
from omnimemd.services.evidence import Evidence
from omnimemd.services.workspaces import AmbientPlace, Workspaces

#: How long before and after an access a descriptor that is open may be the one it was made by.
_HELD_MS: Final = 50
#: How long what was decided may matter for what is decided later: reads are held longest.
_REMEMBERED_MS: Final = 1_000
#: Accesses between two looks that are told apart; of more only the whole is explained.
_APART: Final = 32


class Verdict(msgspec.Struct, frozen=True):
    """Where something goes; nowhere when it is false."""

    shares: tuple[Share, ...]
    ambient: AmbientPlace | None = None  #: whose ambient session has it, when nobody else does
    worker: int | None = None  #: pid of the process that did it, below a session's own; None: it, or nobody was seen
    beside: AmbientPlace | None = None  #: where somebody has done it who has no session, as far as processes show

    @property
    def unclaimed(self) -> AmbientPlace | None:
        """The folder in which somebody without a session seems to be at work."""
        return self.ambient or self.beside

    def __bool__(self) -> bool:
        return bool(self.shares) or self.ambient is not None


#: What a burst is: a tree that was busy at all may have been at it.
_ANYTHING: Final = Deed(Kind.QUIET, 0, frozenset())
#: What comes closer upon another access than this may have been under way at the same time.
_PAUSE_MS: Final = 12
#: Of what a tool has told itself.
_TOLD: Final = Verdict(())


class _Party(msgspec.Struct, frozen=True):
    """Sessions that may have done something together: those of one process, or one that has none."""

    sessions: tuple[str, ...]
    process: ProcessIdentity | None
    member: bool  #: whether they are active in the folder; else their process is a child of one that is


class _Circle(msgspec.Struct, frozen=True):
    """All who may have done what happens in some folders."""

    parties: tuple[_Party, ...]
    trees: frozenset[ProcessIdentity]  #: of those that have one
    is_open: bool  #: whether processes may tell who did something: all of them have some


class _Case(msgspec.Struct, frozen=True):
    """An access whose owner is looked for."""

    what: Observed
    number: int  #: of the first look after it
    circle: _Circle
    deed: Deed


#: What decides, of an access that nothing but its place tells of: the folders, the time between two looks, by its
#: `id()`, which counter it moves and by how much, and whether it should have been told.
_Alike = tuple[tuple[str, ...], int, Kind, int, bool]


class _Found(msgspec.Struct, frozen=True):
    """The tree that made an access."""

    tree: ProcessIdentity
    method: Attribution
    worker: int | None


class Attributor:
    """Knows whose an access is. Belongs to the event loop's thread."""

    def __init__(self, *, workspaces: Workspaces, evidence: Evidence, claims: Claims) -> None:
        """Choose among the sessions active in *workspaces* by *evidence* and *claims*."""
        self._workspaces = workspaces
        self._evidence = evidence
        self._claims = claims
        self._decided: list[tuple[_Case, _Found | None]] = []  # of late, which may explain what processes did, too
        self.folded = 0  #: accesses that are not recorded because a tool told of them itself

    def saw(self, events: Sequence[FileEvent]) -> None:
        """Take note of what is seen at this moment: the best time to look who is at work."""
        self._evidence.saw(events)

    async def settled(self) -> None:
        """Return when there is evidence about everything that was seen."""
        await self._evidence.settled()

    def verdicts(self, observed: Sequence[Observed], *, held: Sequence[Observed] = ()) -> list[Verdict]:
        """Return where each of *observed* goes, by who is active now, what tools said and what processes did.

        Args:
            observed: what is settled, oldest first.
            held: what follows it and is decided later: it may explain what processes did, too.
        """
        claims = [self._claims.of(one.path, one.access, at=one.at) for one in observed]
        told = [claim is not None and claim.tells_of(one.access) for claim, one in zip(claims, observed, strict=True)]
        circles = {places: self._circle(places) for places in {one.workspaces for one in (*observed, *held)}}
        cases = [self._case(one, circles[one.workspaces]) for one in observed]
        found = self._found(cases, [self._case(one, circles[one.workspaces]) for one in held])
        alike: dict[_Alike, Verdict] = {}
        verdicts = []
        for case, claim, already in zip(cases, claims, told, strict=True):
            parties, owner = case.circle.parties, found.get(id(case.what))
            if already and claim is not None and self._agrees(claim, parties, owner):
                claim.spent = True
                self.folded += 1
                verdicts.append(_TOLD)
            else:
                verdict = self._verdict(parties, owner, claim)
                verdicts.append(verdict or self._open(case, alike, doubted=id(case.what) in found))
        return verdicts

    def of_burst(self, part: BurstPart) -> Verdict:
        """Return where a scan goes: whose processes moved as many bytes as it takes, and by far the most."""
        circle = self._circle(part.workspaces)
        parties, trees = circle.parties, circle.trees
        looks = self._evidence.looks
        span = looks.span(part.started_at, looks.number_after(Millis(part.ended_at - 1)))
        if span is None or len(trees) < len(parties):
            return self._by_place(part.workspaces, parties, span, _ANYTHING)
        moved = _moved(span, trees)
        size = looks.size_between(span, at_most=LOOKED_INTO)

        def fits(tree: ProcessIdentity) -> bool:
            usual = looks.usual(tree, span)
            return swept(moved[tree], usual, reads=part.reads, writes=part.writes, size=size)

        both = {tree: Moved(read=one.read + one.written, cpu_ns=one.cpu_ns) for tree, one in moved.items()}
        (tree,) = explain([Deed(Kind.READ, 0, trees)], both)
        verdict = None
        if tree is not None and fits(tree):
            verdict = self._of_tree(parties, _Found(tree, Attribution.PROBABLE, span.foremost(tree, ratio=RATIO)))
        return verdict or self._by_place(part.workspaces, parties, span, _ANYTHING, doubted=True)

    def of_missed(self, workspaces: tuple[str, ...], sessions: Sequence[str]) -> Verdict:
        """Return where a change goes that nobody saw being made, while *sessions* were active in *workspaces*.

        That a session is alone there says nothing if it has a process: nobody looked what that did.
        """
        unbound = {one.session_id for one in self._workspaces.everybody() if one.process is None}
        sure = len(sessions) == 1 and unbound.issuperset(sessions)
        shares = by_place([Contender((one,), idle=not sure) for one in sessions])
        return Verdict(shares, None if shares else self._ambient(workspaces))

    def close(self) -> None:
        """Gather no more evidence."""
        self._evidence.close()

    # ---- who may have done it

    def _circle(self, workspaces: tuple[str, ...]) -> _Circle:
        """Return who may have done what happens below *workspaces*.

        Of sessions of one process those of the deepest folder; and of processes that are children of theirs, the
        sessions these are bound to, wherever they are active.
        """
        members = self._workspaces.active(workspaces)
        parties = [_Party((one.session_id,), None, True) for one in members if one.process is None]
        bound: dict[ProcessIdentity, list[str]] = {}
        deepest = {one.process: one.workspace for one in sorted(members, key=lambda one: len(one.workspace))}
        for one in members:
            if one.process is not None and one.workspace == deepest[one.process]:
                bound.setdefault(one.process, []).append(one.session_id)
        parties += [_Party(tuple(sessions), process, True) for process, sessions in bound.items()]
        look = self._evidence.looks.latest
        if look is not None and look.above and bound:
            below = {process for process in look.trees if process not in bound and look.descends(process, bound)}
            parties += [_Party(self._sessions_of(process), process, False) for process in below]
        trees = frozenset(party.process for party in parties if party.process is not None)
        return _Circle(tuple(parties), trees, is_open=bool(parties) and all(party.process for party in parties))

    def _sessions_of(self, process: ProcessIdentity) -> tuple[str, ...]:
        return tuple(one.session_id for one in self._workspaces.everybody() if one.process == process)

    def _case(self, one: Observed, circle: _Circle) -> _Case:
        kind = kind_of(one.access)
        size = 0 if kind is Kind.QUIET else self._evidence.size_of(one.path)
        deed = Deed(kind, size, circle.trees, one.path)
        return _Case(one, self._evidence.look_after(one.path, one.at), circle, deed)

    # ---- who did it

    def _found(self, cases: Sequence[_Case], later: Sequence[_Case]) -> dict[int, _Found | None]:
        """Return the tree that made each access, by the access's `id()`, where that can be told.

        None stands for one that processes would tell of, if a session had made it for sure.
        """
        told_by_processes = [case for case in cases if case.circle.is_open]
        if not told_by_processes:
            return {id(case.what): holder for case in cases if (holder := self._holder(case)) is not None}
        since = told_by_processes[0].what.at - _REMEMBERED_MS
        self._decided = [(case, owner) for case, owner in self._decided if case.what.at >= since][-_APART:]
        around = [*(case for case, _ in self._decided), *cases, *later]
        found: dict[int, _Found | None] = {id(case.what): owner for case, owner in self._decided if owner is not None}
        found |= {id(case.what): holder for case in (*cases, *later) if (holder := self._holder(case)) is not None}
        wanted = {id(case.what) for case in told_by_processes}
        rivals = [case for case in around if case.circle.is_open and len(case.circle.parties) > 1]
        for some in self._by_span(rivals):
            self._explain(some, found, wanted, all_told=False)
        for some in _clusters(rivals):
            self._explain(some, found, wanted, all_told=True)
        around = sorted((case for case in around if case.circle.is_open), key=_time_of)
        for some in self._by_looks(_clusters(around)):
            self._fit(some, around, found, wanted)
        self._decided += [(case, found.get(id(case.what))) for case in told_by_processes]
        return found

    def _holder(self, case: _Case) -> _Found | None:
        """Return the only tree that had the file open for writing when it was written to.

        A read tells nothing here: it is seen when the file is closed, so what is open then is another descriptor.
        """
        if case.deed.kind is not Kind.WRITE:
            return None
        looks, path = self._evidence.looks, case.what.path
        holders = {}
        for look in looks.between(Millis(case.what.at - _HELD_MS), Millis(case.what.at + _HELD_MS)):
            for file in look.open:
                if file.path == path and file.writing:
                    span = looks.span(case.what.at, case.number)
                    moved = None if span is None else span.moved(file.tree)
                    if moved is None or moved.written:  # one that is open and was not written to is a log, say
                        holders[file.tree] = file.pid
        if len(holders) != 1:
            return None
        ((tree, pid),) = holders.items()
        return _Found(tree, Attribution.PROCESS, pid if pid != tree.pid else None)

    def _explain(
        self, cases: Sequence[_Case], found: dict[int, _Found | None], wanted: AbstractSet[int], *, all_told: bool
    ) -> None:
        """Add to *found* what the figures around *cases*, made close to one another, tell of those *wanted*."""
        if all(id(case.what) not in wanted or id(case.what) in found for case in cases):
            return
        known = [owner.tree if (owner := found.get(id(case.what))) else None for case in cases]
        span = self._span_of(cases)
        if span is None:
            return
        looks = self._evidence.looks
        trees: frozenset[ProcessIdentity] = frozenset().union(*(case.deed.trees for case in cases))
        moved = _moved(span, trees)
        if len(cases) <= _APART:
            owners = explain([case.deed for case in cases], moved, known=known, all_told=all_told)
        else:
            whole = {
                kind: Deed(kind, sum(case.deed.size for case in cases if case.deed.kind is kind), trees)
                for kind in Kind
            }
            of_kind = dict(zip(whole, explain(list(whole.values()), moved, all_told=all_told), strict=True))
            owners = [of_kind[case.deed.kind] for case in cases]
        for case, tree, already in zip(cases, owners, known, strict=True):
            if tree is None or already is not None or id(case.what) not in wanted:
                continue
            if beyond(case.deed, moved[tree], looks.usual(tree, span)):
                found[id(case.what)] = _Found(tree, Attribution.PROBABLE, span.foremost(tree, ratio=RATIO))

    def _fit(
        self, cases: Sequence[_Case], around: Sequence[_Case], found: dict[int, _Found | None], wanted: AbstractSet[int]
    ) -> None:
        """Add to *found* which of *cases*, made between two looks, are of the only one who may have made them.

        What else happened between the looks, of what is *around* (oldest first), explains what that one did, too.
        """
        asked = {
            id(case.what): tree
            for case in cases
            if len(case.circle.parties) == 1 and id(case.what) in wanted and found.get(id(case.what)) is None
            for tree in case.deed.trees
        }
        if not asked:
            return
        for tree in set(asked.values()):
            its = [case for case in cases if asked.get(id(case.what)) == tree]
            span = self._span_of(cases)
            if span is not None and span.moved(tree) is not None:
                self._fit_one(tree, span, its, around, found)
                continue
            # Some of it was before the first look at who may have done it; the rest was not.
            its = [case for case in its if (own := self._span_of([case])) and own.moved(tree) is not None]
            for some in self._by_span(its) if len(its) <= _APART else [its]:
                span = self._span_of(some)
                if span is not None:
                    self._fit_one(tree, span, some, around, found)

    def _fit_one(
        self,
        tree: ProcessIdentity,
        span: Span,
        cases: Sequence[_Case],
        around: Sequence[_Case],
        found: dict[int, _Found | None],
    ) -> None:
        """Add to *found* which of *cases* are of *tree*, by what it did in *span*."""
        moved, looks = span.moved(tree), self._evidence.looks
        if moved is None:
            return
        first = bisect_left(around, span.before.at, key=_time_of)
        last = bisect_right(around, span.after.at + _PAUSE_MS, key=_time_of)
        meanwhile = [
            (case, owner is not None)
            for case in around[first:last]
            if tree in case.deed.trees
            and ((owner := found.get(id(case.what))) is None or (owner.tree == tree and span.holds(case.what.at)))
        ]
        fits = fitting(
            [case.deed for case, _ in meanwhile],
            moved,
            looks.usual(tree, span),
            known=[known for _, known in meanwhile],
        )
        owner = _Found(tree, Attribution.PROBABLE, span.foremost(tree, ratio=RATIO))
        asked = {id(case.what) for case in cases}
        for (case, known), fit in zip(meanwhile, fits, strict=True):
            if not known and id(case.what) in asked:
                found[id(case.what)] = owner if fit else None

    def _span_of(self, cases: Sequence[_Case]) -> Span | None:
        """Return the looks around *cases*, ≥ 1."""
        return self._evidence.looks.span(min(case.what.at for case in cases), max(case.number for case in cases))

    def _by_span(self, cases: Sequence[_Case]) -> Iterable[list[_Case]]:
        groups: defaultdict[int, list[_Case]] = defaultdict(list)
        for case in cases:
            groups[id(self._evidence.looks.span(case.what.at, case.number))].append(case)
        return groups.values()

    def _by_looks(self, clusters: Sequence[Sequence[_Case]]) -> Iterable[list[_Case]]:
        """Return *clusters*, those made between the same two looks as one: in a storm these are many."""
        groups: defaultdict[int, list[_Case]] = defaultdict(list)
        for some in clusters:
            groups[id(self._span_of(some))] += some
        return groups.values()

    # ---- where it goes

    def _verdict(self, parties: tuple[_Party, ...], found: _Found | None, claim: Claim | None) -> Verdict | None:
        """Return where an access goes by what its tool said, or by what processes did."""
        verdict = None if found is None else self._of_tree(parties, found)
        if claim is not None and self._agrees(claim, parties, found):
            share = Share(claim.session_id, Attribution.EXACT, agent_id=claim.agent_id)
            return Verdict((share,), worker=None if verdict is None else verdict.worker)
        return verdict

    def _agrees(self, claim: Claim, parties: tuple[_Party, ...], found: _Found | None) -> bool:
        """Return whether *claim* may be of the access of which processes tell what was *found*."""
        verdict = None if found is None else self._of_tree(parties, found)
        return verdict is None or claim.session_id in [share.session_id for share in verdict.shares]

    def _open(self, case: _Case, alike: "dict[_Alike, Verdict]", *, doubted: bool) -> Verdict:
        """Return where an access goes that none of that tells of; it is *doubted* if it should have been told.

        In a storm hundreds differ in nothing that matters here: *alike* keeps what was found of one for the others.
        """
        span = self._evidence.looks.until_now(case.what.at)
        key = (case.what.workspaces, id(span), case.deed.kind, case.deed.size, doubted)
        verdict = alike.get(key)
        if verdict is None:
            verdict = self._by_place(case.what.workspaces, case.circle.parties, span, case.deed)
            if doubted and verdict.beside is None:
                (party,) = case.circle.parties
                verdict = Verdict(by_place([Contender(party.sessions, idle=True)]))
            alike[key] = verdict
        return verdict

    def _of_tree(self, parties: tuple[_Party, ...], found: _Found) -> Verdict | None:
        known = (one.sessions for one in parties if one.process == found.tree)
        sessions = next(known, None) or self._sessions_of(found.tree)  # one that is active elsewhere had it open
        return Verdict(settle(Contender(sessions), found.method), worker=found.worker) if sessions else None

    def _by_place(
        self,
        workspaces: tuple[str, ...],
        parties: tuple[_Party, ...],
        span: Span | None,
        deed: Deed,
        *,
        doubted: bool = False,
    ) -> Verdict:
        """Return where something goes by who may have done it; *doubted*: what processes did is known not to fit."""
        contenders = []
        for party in parties:
            moved = usual = None
            if span is not None and party.process is not None:
                moved, usual = span.moved(party.process), self._evidence.looks.usual(party.process, span)
            out_of_it = moved is not None and not deed.is_within(moved)
            no_evidence = moved is not None and usual is not None and (doubted or not beyond(deed, moved, usual))
            if party.member or (moved is not None and not out_of_it):
                contenders.append(Contender(party.sessions, out_of_it, no_evidence))
        shares = by_place(contenders)
        if not shares:
            return Verdict((), self._ambient(workspaces))
        idle = all(one.idle for one in contenders)
        return Verdict(shares, beside=self._workspaces.place(workspaces) if idle else None)

    def _ambient(self, workspaces: tuple[str, ...]) -> AmbientPlace | None:
        return self._workspaces.by_hand(workspaces)


def _moved(span: Span, trees: frozenset[ProcessIdentity]) -> dict[ProcessIdentity, Moved]:
    return {tree: moved for tree in trees if (moved := span.moved(tree)) is not None}


def _time_of(case: _Case) -> Millis:
    return case.what.at


def _clusters(cases: Sequence[_Case]) -> list[list[_Case]]:
    """Return *cases* in groups that no pause divides: what was begun before a look may show after the next."""
    clusters: list[list[_Case]] = []
    latest = 0
    for case in sorted(cases, key=_time_of):
        if not clusters or case.what.at > latest + _PAUSE_MS:
            clusters.append([])
        clusters[-1].append(case)
        latest = case.what.at
    return clusters
