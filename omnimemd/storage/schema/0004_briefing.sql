-- Digests: what each session was about, made of its entries up to `through`; all of it can be made again.
CREATE TABLE session_digests (
    session INTEGER PRIMARY KEY REFERENCES sessions (session_key) ON DELETE CASCADE,
    through INTEGER NOT NULL CHECK (through > 0),
    content BLOB NOT NULL,  -- MessagePack (domain/digest.py: Content)
    rest    BLOB NOT NULL   -- zlib: what is needed to go on from there, and by nobody who reads
) STRICT;

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
    path     TEXT NOT NULL,  -- of a file, else empty
    briefing INTEGER NOT NULL REFERENCES briefings (briefing) ON DELETE CASCADE,
    used_at  INTEGER,        -- first
    how      TEXT CHECK (how IN ('read', 'written', 'found', 'continued', 'touched', 'said')),
    PRIMARY KEY (session, kind, source, path),
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
