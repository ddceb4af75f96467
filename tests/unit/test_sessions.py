"""The life of a session: it never leaves ended but by reopening, and its times never run backwards."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from omnimem.model import EndReason
from omnimemd.domain.clock import Millis
from omnimemd.domain.sessions import Session, end, end_of_dead, rebind, reopen, touch
from tests.support.clock import HOUR, MINUTE, NOON, SECOND
from tests.support.factories import a_binding, a_session


class TestTouching:
    def test_activity_moves_the_last_activity_on(self) -> None:
        assert touch(a_session(), at=Millis(NOON + SECOND)).last_activity == NOON + SECOND

    def test_activity_of_the_past_moves_nothing(self) -> None:
        session = a_session()

        assert touch(session, at=Millis(NOON - 1)) is session

    def test_an_ended_session_keeps_its_times(self) -> None:
        ended = a_session(ended_at=NOON + SECOND)

        assert touch(ended, at=Millis(NOON + MINUTE)) is ended


class TestEnding:
    def test_it_has_a_time_and_a_reason(self) -> None:
        ended = end(a_session(), at=Millis(NOON + 1), reason=EndReason.CLIENT, detail="done")

        assert (ended.active, ended.ended_at, ended.end_reason) == (False, NOON + 1, EndReason.CLIENT)
        assert ended.end_detail == "done"

    def test_an_ended_session_stays_as_it_is(self) -> None:
        ended = a_session(ended_at=NOON)

        assert end(ended, at=Millis(NOON + HOUR), reason=EndReason.IDLE) is ended

    def test_no_session_ends_before_it_was_active(self) -> None:
        active = touch(a_session(), at=Millis(NOON + MINUTE))

        assert end(active, at=NOON, reason=EndReason.CLIENT).ended_at == NOON + MINUTE


class TestDying:
    def test_the_last_activity_is_when_it_was_known_to_live(self) -> None:
        session = touch(a_session(process=a_binding()), at=Millis(NOON + MINUTE))

        ended = end_of_dead(session, boot="boot-1")

        assert (ended.ended_at, ended.end_reason) == (NOON + MINUTE, EndReason.PROCESS_EXITED)

    def test_another_boot_is_a_reboot(self) -> None:
        ended = end_of_dead(a_session(process=a_binding(boot="boot-1")), boot="boot-2")

        assert ended.end_reason is EndReason.REBOOT


class SessionLife(RuleBasedStateMachine):
    """Anything may happen to a session, with a clock that jumps both ways."""

    @initialize(at=st.integers(NOON - HOUR, NOON + HOUR))
    def begin(self, at: int) -> None:
        self.now = at
        self.session = a_session(at=at)
        self.highest = self.session.last_activity

    @rule(jump=st.integers(-3 * HOUR, 3 * HOUR))
    def let_time_pass(self, jump: int) -> None:
        self.now += jump

    @rule()
    def be_active(self) -> None:
        before = self.session
        self.session = touch(before, at=Millis(self.now))
        assert before.active or self.session == before

    @rule(reason=st.sampled_from(EndReason), detail=st.none() | st.just("why"))
    def finish(self, reason: EndReason, detail: str | None) -> None:
        before = self.session
        self.session = end(before, at=Millis(self.now), reason=reason, detail=detail)
        assert not self.session.active
        assert before.active or self.session == before
        assert end(self.session, at=Millis(self.now + 1), reason=reason) == self.session

    @rule(boot=st.sampled_from(["boot-1", "boot-2"]))
    def die_unseen(self, boot: str) -> None:
        before = self.session
        self.session = end_of_dead(before, boot=boot)
        assert not self.session.active
        assert before.active or self.session == before

    @rule(pid=st.none() | st.integers(2, 5))
    def take_up(self, pid: int | None) -> None:
        before = self.session
        process = None if pid is None else a_binding(pid=pid)
        self.session = reopen(before, at=Millis(self.now), process=process)
        assert self.session.active
        assert before.active == (self.session == before)
        assert before.active or self.session.process == process

    @precondition(lambda self: self.session.active)
    @rule(pid=st.integers(2, 5))
    def bind(self, pid: int) -> None:
        self.session = rebind(self.session, process=a_binding(pid=pid))
        assert self.session.active

    @invariant()
    def times_never_run_backwards(self) -> None:
        if not hasattr(self, "session"):
            return
        session: Session = self.session
        assert session.created_at <= session.last_activity
        assert session.ended_at is None or session.last_activity <= session.ended_at
        latest = session.ended_at if session.ended_at is not None else session.last_activity
        assert latest >= self.highest
        self.highest = latest

    @invariant()
    def an_end_has_a_reason_and_a_life_has_none(self) -> None:
        if hasattr(self, "session"):
            assert self.session.active == (self.session.end_reason is None)
            assert not self.session.active or self.session.end_detail is None


TestSessionLife = SessionLife.TestCase
TestSessionLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
