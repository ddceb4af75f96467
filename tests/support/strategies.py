"""Any valid value, for properties: paths are bytes, text is any Unicode, NUL included."""

import os

from hypothesis import strategies as st

from omnimem.model import Access, Attribution, Source
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import (
    CheckpointTaken,
    Decision,
    Entry,
    FileAccess,
    Gap,
    MemoryNote,
    Scan,
    Search,
)
from omnimemd.domain.file_events import FileFacts
from omnimemd.domain.memories import Draft

#: Up to the end of the year 9999.
moments = st.integers(0, 253_402_300_799_999).map(Millis)
#: Any Unicode but lone surrogates, which no JSON text holds.
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
ids = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._:@-]{0,20}", fullmatch=True)
#: Absolute paths as the kernel has them: any bytes but NUL, surrogate-escaped as by os.fsdecode.
paths = (
    st.lists(st.binary(min_size=1, max_size=6).filter(lambda one: not {0, 47} & set(one)), max_size=4)
    .map(lambda parts: b"/" + b"/".join(parts))
    .map(os.fsdecode)
)
importances = st.none() | st.floats(0, 1)
_small = st.integers(0, 10**6)


def an_entry() -> st.SearchStrategy[Entry]:
    """Return any entry of any kind."""
    common = {"at": moments, "source": st.sampled_from(Source)}
    return st.one_of(
        an_access_entry(),
        st.builds(Search, **common, query=texts),
        st.builds(Decision, **common, text=texts),
        st.builds(MemoryNote, **common, memory_id=ids, memory_key=st.none() | texts),
        st.builds(
            Scan,
            **common,
            burst_id=ids,
            started_at=moments,
            ended_at=moments,
            files=_small,
            directories=_small,
            reads=_small,
            writes=_small,
            top=st.lists(paths, max_size=3).map(tuple),
        ),
        st.builds(
            Gap,
            **common,
            started_at=moments,
            ended_at=moments,
            reason=ids,
            reads_unknown=st.booleans(),
            recovered=_small,
        ),
        st.builds(CheckpointTaken, **common, checkpoint_id=ids),
    )


def an_access_entry() -> st.SearchStrategy[FileAccess]:
    """Return any access to any file."""
    return st.builds(
        FileAccess,
        at=moments,
        source=st.sampled_from(Source),
        path=paths,
        access=st.sampled_from(Access),
        attribution=st.sampled_from(Attribution),
        importance=importances,
        old_path=st.none() | paths,
        others=st.lists(ids, max_size=3).map(tuple),
        burst_id=st.none() | ids,
        agent_id=st.none() | ids,
        same_as=st.none() | st.integers(1, 10**6),
    )


def a_draft() -> st.SearchStrategy[Draft]:
    """Return anything a memory may be asked to say, out of few, so that it is often the same again."""
    return st.builds(
        Draft,
        value=st.sampled_from(["a", "b"]),
        metadata=st.sampled_from([{}, {"n": 1}, {"n": True}]),
        ttl_seconds=st.none() | st.sampled_from([0.001, 1.0, 60.0]),
    )


def some_facts() -> st.SearchStrategy[FileFacts]:
    """Return the facts of any file."""
    names = st.binary(min_size=1, max_size=6).filter(lambda one: not {0, 47} & set(one)).map(os.fsdecode)
    times = st.integers(-(2**63), 2**63 - 1)
    return st.builds(FileFacts, names, st.integers(0, 2**64 - 1), st.integers(0, 2**63 - 1), times, times)
