"""The one database: who may touch it, when a write is committed, and when it is on the disk.

Theory of operation. All writes go through one connection on the event loop's thread, so they are in one order and
never wait for each other. A write is durable in one of two classes:

* observed (NORMAL): committed to the write-ahead log without an fsync. It survives `kill -9` of the daemon from the
  moment it is answered; a power cut may take the last of it. The first write of a loop tick is committed at once; those
  that follow in the same tick share one commit at its end.
* said (FULL): the same, and answered only when the log has been fsynced. One thread does that for all who wait, so
  the loop does not wait for a disk; only when SQLite begins its log anew, some megabytes apart, it syncs the header
  itself. Syncing the log after the commit is what SQLite's synchronous=FULL does in WAL mode; doing it ourselves keeps
  one writer, and one order, instead of two connections that lock each other out.

The same thread runs checkpoints, on a connection of its own (`Checkpointer`), because a checkpoint fsyncs too. Long
reads run on a read-only connection in a second thread. Nobody else opens the file.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

import apsw

from omnimem.errors import StoreUnavailable
from omnimem.model import BackupReason
from omnimemd.domain.backups import Backup
from omnimemd.domain.clock import Millis
from omnimemd.domain.measuring import COUNTS, SECONDS, Histogram
from omnimemd.storage import backups, opening
from omnimemd.storage.checkpointer import Checkpointer
from omnimemd.storage.connections import leave, open_connection, roll_back
from omnimemd.storage.errors import DatabaseUnusable, translated
from omnimemd.storage.grouping import Group
from omnimemd.storage.streaming import stream
from omnimemd.storage.troubles import SYNC_FAILED, Troubles
from omnimemd.storage.workers import nothing, worker

#: What a work function is given.
Connection = apsw.Connection
#: The SQLite that apsw brings.
SQLITE_VERSION: Final = apsw.sqlite_lib_version()

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Log pages (4 KiB each) after which a checkpoint is due; SQLite's own default (wal.html, "Automatic Checkpoint").
_CHECKPOINT_PAGES: Final = 1000
#: Pages after which it is tried again. The log begins anew only once all of it is in the database, and what is written
#: during a checkpoint is not; to try after each write would keep the disk busy for nothing.
_CHECKPOINT_AGAIN_PAGES: Final = 250

#: Times it is tried to cut the log, each after the read under way and a checkpoint.
_ERASE_TRIES: Final = 5

#: Seconds from a write until it is looked whether the next start will find it; before the answer, if it is durable.
_LOOK_SECONDS: Final = 2.0

#: True inside `Database.held()`: the commit comes when the block ends, so a write is not waited for.
_holding: ContextVar[bool] = ContextVar("holding", default=False)


class Database(Troubles):
    """The open database. Every method but `read` runs on the event loop's thread."""

    def __init__(self, path: Path, *, boot: str = "") -> None:
        """Open *path*, made if it is not there, and bring it to the present schema; *boot* is as `opening` has it.

        Raises:
            SchemaTooNew: it was written by a newer program.
            DatabaseUnusable: it cannot be opened, or is no database of ours.
        """
        files = opening.opened(path, boot=boot)
        super().__init__(files.presence)
        self.path = path
        self.schema_version = files.schema_version
        #: When it, or its log, was written last before it was opened, None when it is new: an earlier run lived then.
        self.last_written = files.last_written
        self._loop = asyncio.get_running_loop()
        self._writer, self._reader = files.writer, files.reader
        self._file, self._log = files.file, files.log
        self._syncer, self._reading, self._outside = map(worker, ("durable", "reads", "outside"))
        # The syncer's thread uses it, and the loop while that one is idle.
        self._checkpointer = Checkpointer(path, self._presence.known_by)
        self._group: Group | None = None
        self._ticked = False  # a write was committed in this tick: the next ones share a commit
        self._holders = 0
        self._waiting_for_sync: list[asyncio.Future[None]] = []
        self._syncing = False
        #: After a kill there is a log, maybe with what was deleted and not erased yet.
        self._checkpoint_due = self._to_erase = files.left_over
        self._checkpoint_at = _CHECKPOINT_PAGES  # pages in the log
        self._look_due: asyncio.TimerHandle | None = None
        self.commit_sizes = Histogram(COUNTS)  #: writes that shared a commit
        self.sync_seconds = Histogram(SECONDS)  #: what the disk took to confirm; the syncer's thread adds
        self._guard = translated(self._writer, self._note_failure)
        self._writer.set_wal_hook(self._note_log_size)
        self._start_sync()

    async def __aenter__(self) -> Self:
        """Return the database itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close it."""
        await self.close()

    @property
    def durable_commits_waiting(self) -> int:
        """How many writes wait for the disk."""
        return len(self._waiting_for_sync)

    async def write(self, work: Callable[[apsw.Connection], T], *, durable: bool = False) -> T:
        """Run *work* in a transaction, all of it or nothing; return its result once it is committed.

        *work* runs at once, before this coroutine first waits: writes happen in the order of the calls. An exception
        of *work* undoes what *work* did and nothing else.

        Args:
            work: a function of the connection; it must not keep it.
            durable: return only when the commit is on the disk.

        Raises:
            StoreUnavailable: the store failed; nothing of *work* is kept.
        """
        with self._guard:
            if durable:
                self.refuse_durable()
            alone = self._group is None and not self._ticked and not self._holders
            result = self._run_alone(work) if alone else self._run_in_group(self._opened_group(), work)
        group = self._group
        if group is not None and _holding.get():
            group.durable |= durable
            return result
        if group is not None and not alone:
            await group.wait()
        if durable:
            await self._synced()
        return result

    def read_now(self, work: Callable[[apsw.Connection], T]) -> T:
        """Return what a short *work* reads, on the loop: a few rows by an index."""
        with self._guard:
            return work(self._writer)

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """Return what a long *work* reads, off the loop, from one snapshot that includes every answered write."""
        if not self._holders:
            self._commit_group()

        def run() -> T:
            with translated(self._reader):
                self._reader.execute("BEGIN")  # one snapshot for all that *work* reads
                try:
                    return work(self._reader)
                finally:
                    roll_back(self._reader)

        with self._guard:
            return await self._loop.run_in_executor(self._reading, run)

    async def read_from_outside(self, work: Callable[[apsw.Connection], T]) -> T:
        """Return what *work* reads as another program would: off the loop, by the file's name, on a new connection."""

        def run() -> T:
            with translated(), contextlib.closing(open_connection(self.path, write=False)) as db, translated(db):
                return work(db)

        with self._guard:
            self.check_in_place()
            return await self._loop.run_in_executor(self._outside, run)

    async def stream(self, work: Callable[[apsw.Connection], Iterator[T]]) -> AsyncGenerator[T, None]:
        """Yield what *work* yields, from one snapshot that includes every answered write.

        Each step runs in a thread of its own, with a connection of its own, so other reads do not wait for it, and
        only when it is asked for. Until the end, or until it is closed, the log cannot begin anew: it grows with
        what is written meanwhile, so who asks must not take for ever.
        """
        if not self._holders:
            self._commit_group()
        try:
            with self._guard:
                self.check_in_place()
                async with contextlib.aclosing(stream(self.path, work)) as found:
                    async for one in found:
                        yield one
        finally:
            if self._to_erase:  # it was in the way
                self._checkpoint_due = True
                self._start_sync()

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Make every write of the block, and those of others meanwhile, one transaction that ends with the block.

        Inside, `write` returns before the commit; leaving the block waits for it. The block must be short.

        Raises:
            StoreUnavailable: the commit failed; nothing of the block is kept.
        """
        while self._group is not None and self._group.left:
            # Holders that follow each other closely must not put the commit off for ever.
            await self._group.wait()
        self._holders += 1
        token = _holding.set(True)
        try:
            yield
        finally:
            _holding.reset(token)
            self._holders -= 1
            group = self._group
            if group is not None:
                group.left = True
                if self._holders == 0:
                    self._commit_group()
        if group is not None:
            await group.wait()
            if group.durable:
                await self._synced()

    async def close(self) -> None:
        """Commit what is open, put everything into the database file, close it."""
        self._commit_group()
        while self._syncing:
            with contextlib.suppress(StoreUnavailable):
                await self._synced()
        self._checkpoint_due = False  # it is done below, and nothing else by that thread
        if self._look_due is not None:
            self._look_due.cancel()
        self._reading.shutdown()
        self._outside.shutdown()
        if self.displaced() is not None:
            await self._let_go()
            return
        self._reader.close()
        # Closing the last connection brings the log into the file and removes it.
        with contextlib.suppress(apsw.Error, DatabaseUnusable):
            await self._loop.run_in_executor(self._syncer, self._checkpointer.open)
        self._writer.close()
        await self._loop.run_in_executor(self._syncer, partial(self._checkpointer.close, sound=not self.damaged))
        self._syncer.shutdown()
        self._close_files()

    async def _let_go(self) -> None:
        """Close, and touch nothing that is at the paths now."""
        leave(self._reader)
        leave(self._writer)
        await self._loop.run_in_executor(self._syncer, self._checkpointer.let_go)
        self._syncer.shutdown()
        self._close_files()
        self._presence.give_up()

    def _close_files(self) -> None:
        os.close(self._log)
        os.close(self._file)

    async def save(self, *, at: Millis) -> Backup | None:
        """Make a backup of what is open if its files are not where they were, and remove what is left of them.

        So the next start finds no part of it, and puts the backup in its place. Nobody writes any more, or what is
        written meanwhile is not in it.

        Args:
            at: the present.

        Raises:
            BackupFailed: it cannot be made.
        """
        self._commit_group()
        found = self.displaced()
        if found is None or found.overwritten or not self._presence.in_its_folder():
            return None
        make = partial(backups.make, self.path, reason=BackupReason.RESTORE, at=at, opened=self._reader)
        backup = await self._loop.run_in_executor(self._reading, partial(make, backups.folder_of(self.path)))
        self._presence.remove()
        return backup

    async def erase(self) -> None:
        """Have nothing left of what was deleted, in the file or in its log.

        Waits for what is under way. While another program reads the database, it is put off until after a later write.
        """
        self._to_erase = True
        for _ in range(_ERASE_TRIES):
            if self._group is not None:
                with contextlib.suppress(StoreUnavailable):
                    await self._group.wait()
            await self._loop.run_in_executor(self._reading, nothing)
            self._checkpoint_due = True
            with contextlib.suppress(StoreUnavailable):  # a store that fails says so at the next write
                await self._synced()
            if not self._to_erase:
                return
        log.warning("erased text stays in the database while another program reads it")

    def _cut_log(self) -> None:
        """Cut the log if that is due and nothing is in the way; on the loop, so that no write meets it."""
        if self._to_erase and not self._holders and not self.sync_failed and self.displaced() is None:
            self._commit_group()
            with contextlib.suppress(apsw.Error, DatabaseUnusable):
                self._to_erase = not self._checkpointer.cut()

    async def prove_alive(self) -> None:
        """Return once the thread that brings writes to the disk has answered, whether or not it can."""
        await self._loop.run_in_executor(self._syncer, nothing)

    def size(self) -> int:
        """Return the bytes of the database with its log."""
        return opening.size(self.path)

    def log_size(self) -> int:
        """Return the bytes of the log."""
        return os.fstat(self._log).st_size

    def _run_alone(self, work: Callable[[apsw.Connection], T]) -> T:
        db = self._writer
        db.execute("BEGIN IMMEDIATE")
        try:
            result = work(db)
            db.execute("COMMIT")
        except apsw.Error:
            roll_back(db)
            self._report_lost()
            raise
        except BaseException:
            roll_back(db)
            raise
        self.commit_sizes.add(1)
        self._ticked = True
        self._loop.call_soon(self._end_tick)
        return result

    def _opened_group(self) -> Group:
        if self._group is None:
            self._writer.execute("BEGIN IMMEDIATE")
            self._group = Group(self._loop)
            if not self._holders and not self._ticked:
                self._loop.call_soon(self._end_tick)
        return self._group

    def _run_in_group(self, group: Group, work: Callable[[apsw.Connection], T]) -> T:
        db = self._writer
        db.execute("SAVEPOINT work")
        try:
            result = work(db)
        except BaseException as error:
            if db.in_transaction:
                db.execute("ROLLBACK TO work; RELEASE work")
                if isinstance(error, apsw.Error):
                    self._report_lost()
            else:  # the failure (a full disk, an I/O error) made SQLite undo the whole transaction
                self._fail(group, StoreUnavailable("The database could not take a write of the same moment."))
            raise
        db.execute("RELEASE work")
        group.size += 1
        return result

    def _end_tick(self) -> None:
        self._ticked = False
        if self._group is not None and not self._holders:
            self._commit_group()

    def _commit_group(self) -> None:
        group = self._group
        if group is None:
            return
        try:
            with self._guard:
                self._writer.execute("COMMIT")
        except StoreUnavailable as error:
            roll_back(self._writer)
            self._fail(group, error)
            return
        self._group = None
        self.commit_sizes.add(group.size)
        group.end(None)

    def _fail(self, group: Group, error: StoreUnavailable) -> None:
        log.error("commit failed", extra={"reason": error.detail})
        self._group = None
        self._report_lost()
        group.end(error)

    async def _synced(self) -> None:
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting_for_sync.append(waiter)
        self._start_sync()
        await waiter

    def _start_sync(self) -> None:
        if not self._syncing and (self._waiting_for_sync or self._checkpoint_due):
            self._syncing = True
            batch, self._waiting_for_sync = self._waiting_for_sync, []
            checkpoint, self._checkpoint_due = self._checkpoint_due, False
            try:
                work = self._loop.run_in_executor(self._syncer, self._sync, bool(batch), checkpoint)
            except RuntimeError:  # it takes no work: nothing is known of what is on the disk
                work = self._loop.create_future()
                work.set_exception(OSError("the thread that writes to the disk has ended"))
            work.add_done_callback(lambda done: self._end_sync(done, batch))

    def _end_sync(self, done: "asyncio.Future[None]", batch: "list[asyncio.Future[None]]") -> None:
        self._syncing = False
        error = done.exception()
        failed = SYNC_FAILED
        if isinstance(error, StoreUnavailable):
            self.displaced()
            failed = error.detail
        elif error is not None:
            self.sync_failed = True
            log.error("sync to disk failed", exc_info=error)
            self._report_trouble()
        for waiter in batch:
            if waiter.cancelled():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(StoreUnavailable(failed))
        self._cut_log()
        self._start_sync()

    def _sync(self, sync: bool, checkpoint: bool) -> None:
        """Run in the syncer's thread: bring the log to the disk, then what is in it into the database."""
        if sync:
            began = time.monotonic()
            os.fsync(self._log)
            self.sync_seconds.add(time.monotonic() - began)
        if (found := self._presence.trouble()) is not None:
            raise StoreUnavailable(str(found))
        if checkpoint:
            self._checkpointer.bring_in()

    def _note_log_size(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        if self._look_due is None or self._look_due.when() < self._loop.time():
            self._look_due = self._loop.call_later(_LOOK_SECONDS, self.displaced)
        if pages < _CHECKPOINT_PAGES:
            self._checkpoint_at = _CHECKPOINT_PAGES
        elif pages >= self._checkpoint_at:
            self._checkpoint_at = pages + _CHECKPOINT_AGAIN_PAGES
            self._checkpoint_due = True
            self._loop.call_soon(self._start_sync)
        return apsw.SQLITE_OK
