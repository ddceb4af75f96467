-- Digests: what each session was about, made of its entries up to `through`; all of it can be made again.
CREATE TABLE session_digests (
    session  INTEGER PRIMARY KEY REFERENCES sessions (session_key) ON DELETE CASCADE,
    through  INTEGER NOT NULL CHECK (through > 0),
    content  BLOB NOT NULL,  -- MessagePack (domain/digest.py: Content)
    rest     BLOB NOT NULL,  -- zlib: what is needed to go on from there, and by nobody who reads
    summary  TEXT,           -- by which the session is searched for
    ended_at INTEGER,        -- of the session, when it was summarised
    CHECK ((summary IS NULL) = (ended_at IS NULL))
) STRICT;

-- In the search index a summary is the session's entry 0, which no entry is.
CREATE TRIGGER search_summary_written AFTER UPDATE OF summary ON session_digests
WHEN NEW.summary NOTNULL AND NEW.summary IS NOT OLD.summary BEGIN
    INSERT OR IGNORE INTO search_pending_entries (session, seq) VALUES (NEW.session, 0);
END;
CREATE TRIGGER search_summary_gone AFTER UPDATE OF summary ON session_digests WHEN NEW.summary IS NULL BEGIN
    DELETE FROM search_pending_entries WHERE session = NEW.session AND seq = 0;
    DELETE FROM search_documents WHERE session = NEW.session AND seq = 0;
END;
CREATE TRIGGER search_summary_deleted AFTER DELETE ON session_digests BEGIN
    DELETE FROM search_pending_entries WHERE session = OLD.session AND seq = 0;
    DELETE FROM search_documents WHERE session = OLD.session AND seq = 0;
END;

-- Briefings given to sessions, and whether what they showed was used. Of an item only what it is looked up by is kept;
-- an item counts once for each session, as shown in the first briefing that had it. Kept for a year.
CREATE TABLE briefings (
    briefing       INTEGER PRIMARY KEY,
    session        INTEGER NOT NULL REFERENCES sessions (session_key) ON DELETE CASCADE,
    project_id     TEXT NOT NULL REFERENCES projects (project_id) ON DELETE CASCADE,
    at             INTEGER NOT NULL,
    max_tokens     INTEGER NOT NULL,
    tokens         INTEGER NOT NULL,
    entries_before INTEGER NOT NULL,  -- the session's last entry when it was given
    through        INTEGER NOT NULL   -- up to which of its entries uses were looked for
) STRICT;
CREATE INDEX briefings_by_session ON briefings (session);
CREATE INDEX briefings_by_time ON briefings (at);

CREATE TABLE briefing_items (
    session  INTEGER NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN
        ('memory', 'decision', 'open_point', 'dead_end', 'search', 'session', 'file', 'checkpoint')),
    source   TEXT NOT NULL,
    file     TEXT NOT NULL,  -- of a file, a digest of its path, else empty
    briefing INTEGER NOT NULL REFERENCES briefings (briefing) ON DELETE CASCADE,
    used_at  INTEGER,        -- first
    how      TEXT CHECK (how IN ('read', 'written', 'found', 'continued', 'touched', 'said')),
    PRIMARY KEY (session, kind, source, file),
    CHECK ((used_at IS NULL) = (how IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX briefing_items_by_briefing ON briefing_items (briefing);

-- Which memories a session read.
CREATE TABLE memory_reads (
    session   INTEGER NOT NULL REFERENCES sessions (session_key) ON DELETE CASCADE,
    memory_id TEXT NOT NULL REFERENCES project_memories (memory_id) ON DELETE CASCADE,
    first_at  INTEGER NOT NULL,
    last_at   INTEGER NOT NULL,
    found     INTEGER NOT NULL CHECK (found IN (0, 1)),  -- 1: only as the first of a search
    PRIMARY KEY (session, memory_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_reads_by_memory ON memory_reads (memory_id);
-- Checkpoints: what a session had come to at a moment. A content is stored once, however many checkpoints have it, and
-- goes with the last of them.
CREATE TABLE checkpoint_contents (
    content INTEGER PRIMARY KEY,
    digest  BLOB NOT NULL UNIQUE,  -- SHA-256 of the JSON
    packed  BLOB NOT NULL          -- zlib of the JSON (domain/checkpoints.py: Content)
) STRICT;

-- reason: 1 client, 2 ended, 3 process_exited, 4 compaction, 5 growth.
CREATE TABLE checkpoints (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,  -- in the order in which they were stored
    checkpoint_id   TEXT NOT NULL UNIQUE,
    session         INTEGER NOT NULL REFERENCES sessions (session_key) ON DELETE CASCADE,
    name            TEXT,
    note            TEXT,
    reason          INTEGER NOT NULL CHECK (reason BETWEEN 1 AND 5),
    created_at      INTEGER NOT NULL,
    entries_through INTEGER NOT NULL CHECK (entries_through >= 0),
    content         INTEGER NOT NULL REFERENCES checkpoint_contents (content)
) STRICT;
CREATE INDEX checkpoints_by_session ON checkpoints (session, created_at);
CREATE INDEX checkpoints_by_content ON checkpoints (content);
-- In the search index a checkpoint is the session's entry of its number, negated, which no entry is. Those that nobody
-- asked for, and that say what a later one says as well, are not in it.
CREATE VIEW checkpoints_told AS SELECT number, session FROM checkpoints AS c
WHERE reason = 1 OR name NOTNULL OR note NOTNULL OR number = (SELECT max(number) FROM checkpoints WHERE session = c.session);
CREATE TRIGGER search_checkpoint_written AFTER INSERT ON checkpoints BEGIN
    INSERT INTO search_pending_entries (session, seq) VALUES (NEW.session, -NEW.number);
    DELETE FROM search_pending_entries WHERE session = NEW.session AND seq < 0
    AND -seq NOT IN (SELECT number FROM checkpoints_told WHERE session = NEW.session);
    DELETE FROM search_documents WHERE session = NEW.session AND seq < 0
    AND -seq NOT IN (SELECT number FROM checkpoints_told WHERE session = NEW.session);
END;
CREATE TRIGGER checkpoint_deleted AFTER DELETE ON checkpoints BEGIN
    DELETE FROM search_pending_entries WHERE session = OLD.session AND seq = -OLD.number;
    DELETE FROM search_documents WHERE session = OLD.session AND seq = -OLD.number;
    DELETE FROM checkpoint_contents WHERE content = OLD.content
    AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE content = OLD.content);
END;
CREATE TRIGGER checkpoint_changed AFTER UPDATE OF content ON checkpoints WHEN NEW.content <> OLD.content BEGIN
    DELETE FROM search_documents WHERE session = OLD.session AND seq = -OLD.number;
    INSERT OR IGNORE INTO search_pending_entries (session, seq)
    SELECT session, -number FROM checkpoints_told WHERE number = NEW.number;
    DELETE FROM checkpoint_contents WHERE content = OLD.content
    AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE content = OLD.content);
END;

-- The sessions that ended and of which a checkpoint is still to be taken: noted in the transaction that ends them, so
-- that a kill loses none. Ambient sessions are nobody's work.
CREATE TABLE checkpoints_due (
    session INTEGER PRIMARY KEY REFERENCES sessions (session_key) ON DELETE CASCADE,
    reason  INTEGER NOT NULL CHECK (reason IN (2, 3))
) STRICT;
CREATE TRIGGER checkpoint_due AFTER UPDATE OF ended_at ON sessions
WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL AND NOT (NEW.tool_id = 'ambient' AND NEW.process_id IS NULL) BEGIN
    INSERT INTO checkpoints_due (session, reason)
    VALUES (NEW.session_key, iif(NEW.end_reason IN ('process_exited', 'reboot'), 3, 2));
END;
CREATE TRIGGER checkpoint_not_due AFTER UPDATE OF ended_at ON sessions
WHEN OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL BEGIN
    DELETE FROM checkpoints_due WHERE session = NEW.session_key;
END;

CREATE INDEX sessions_by_continues ON sessions (continues) WHERE continues IS NOT NULL;

-- Older entries of a session, held compressed; each is either a row of `entries` or in one of these (storage/segments.py).
CREATE TABLE entry_segments (
    session   INTEGER NOT NULL REFERENCES sessions (session_key) ON DELETE CASCADE,
    first_seq INTEGER NOT NULL CHECK (first_seq > 0),
    last_seq  INTEGER NOT NULL CHECK (last_seq >= first_seq),
    entries   INTEGER NOT NULL CHECK (entries > 0),
    kinds     INTEGER NOT NULL,  -- a bit for each there are: 1 << kind
    oldest    INTEGER NOT NULL,
    newest    INTEGER NOT NULL CHECK (newest >= oldest),
    row_bytes INTEGER NOT NULL,  -- what they would take as rows
    codec     INTEGER NOT NULL CHECK (codec = 1),  -- 1: columns in MessagePack, zstandard
    packed    BLOB NOT NULL,
    PRIMARY KEY (session, first_seq)
) STRICT, WITHOUT ROWID;
