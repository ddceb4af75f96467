-- Memory versions. When each version was to expire as it was written, and whether it says deleted because it expired.
ALTER TABLE memory_versions ADD COLUMN ttl_seconds REAL;
ALTER TABLE memory_versions ADD COLUMN expires_at INTEGER CHECK ((ttl_seconds IS NULL) = (expires_at IS NULL));
ALTER TABLE memory_versions ADD COLUMN expired INTEGER NOT NULL DEFAULT 0 CHECK (expired IN (0, 1) AND expired <= deleted);
ALTER TABLE project_memories ADD COLUMN expired INTEGER NOT NULL DEFAULT 0 CHECK (expired IN (0, 1) AND expired <= deleted);
-- Of older versions it is not known any more; of the current one it is what holds now.
UPDATE memory_versions SET ttl_seconds = m.ttl_seconds, expires_at = m.expires_at FROM project_memories AS m
WHERE m.memory_id = memory_versions.memory_id AND m.version = memory_versions.version AND NOT m.deleted;

-- What changed of a version without a new one: its expiry, set anew, its files, that it was confirmed. Each row is how
-- it was from `at` on, whole; before the first, the version itself says it.
CREATE TABLE memory_amendments (
    memory_id    TEXT NOT NULL,
    version      INTEGER NOT NULL,
    number       INTEGER NOT NULL CHECK (number > 0),
    at           INTEGER NOT NULL,
    ttl_seconds  REAL,
    expires_at   INTEGER,
    files_json   TEXT NOT NULL,
    confirmed_at INTEGER,
    PRIMARY KEY (memory_id, version, number),
    FOREIGN KEY (memory_id, version) REFERENCES memory_versions (memory_id, version) ON DELETE CASCADE,
    CHECK ((ttl_seconds IS NULL) = (expires_at IS NULL))
) STRICT, WITHOUT ROWID;

-- Search: the index, what waits to be put into it, and triggers that keep the two true whoever writes. Only `indexing`
-- writes to the index; what is deleted leaves it in the same transaction.

-- A document is a memory, a decision or a search. Its number says its project and whether it is a memory, so that the
-- documents of a project, and the memories among them, are ranges: project << 33 | (0 memory, 1 other) << 32 | number.
CREATE TABLE search_projects (
    project       INTEGER PRIMARY KEY,
    project_id    TEXT NOT NULL UNIQUE,
    memories      INTEGER NOT NULL DEFAULT 0,
    memory_length INTEGER NOT NULL DEFAULT 0,  -- terms of all its memories together
    others        INTEGER NOT NULL DEFAULT 0,
    other_length  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- kind: 1 memory, 2 decision, 3 search, 4 checkpoint, 5 summary.
CREATE TABLE search_documents (
    document   INTEGER PRIMARY KEY,
    kind       INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
    memory_id  TEXT UNIQUE REFERENCES project_memories (memory_id) ON DELETE CASCADE,
    version    INTEGER,
    session    INTEGER REFERENCES sessions (session_key) ON DELETE CASCADE,  -- with seq: an entry
    seq        INTEGER,
    session_id TEXT,              -- the session it came from
    place      INTEGER NOT NULL,  -- which of that session's in the project it is, in order
    at         INTEGER NOT NULL,
    length     INTEGER NOT NULL,  -- in terms
    UNIQUE (session, seq),
    CHECK ((kind = 1) = (memory_id IS NOT NULL) AND (memory_id IS NULL) = (version IS NULL))
) STRICT;
CREATE INDEX search_documents_by_place ON search_documents (session_id, document >> 32, place)
WHERE session_id IS NOT NULL;

-- The terms of each document, made by the program (domain/search_terms.py), so that nothing but spaces is to be split.
CREATE VIRTUAL TABLE search_text USING fts5 (terms, tokenize = 'ascii');
INSERT INTO search_text (search_text, rank) VALUES ('secure-delete', 1);
CREATE VIRTUAL TABLE search_words USING fts5vocab (search_text, row);

-- The memories that were written and are not in the index yet, in order; one that is written again has a new number.
CREATE TABLE search_pending (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    memory_id TEXT NOT NULL UNIQUE REFERENCES project_memories (memory_id) ON DELETE CASCADE
) STRICT;
-- And the entries: no more than their keys, as each costs an append.
CREATE TABLE search_pending_entries (
    session INTEGER NOT NULL REFERENCES sessions (session_key) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER search_memory_written AFTER INSERT ON project_memories BEGIN
    DELETE FROM search_pending WHERE memory_id = NEW.memory_id;
    INSERT INTO search_pending (memory_id) VALUES (NEW.memory_id);
END;
CREATE TRIGGER search_memory_changed AFTER UPDATE OF version ON project_memories WHEN NEW.version <> OLD.version BEGIN
    DELETE FROM search_pending WHERE memory_id = NEW.memory_id;
    INSERT INTO search_pending (memory_id) VALUES (NEW.memory_id);
END;
CREATE TRIGGER search_entry_written AFTER INSERT ON entries WHEN NEW.kind IN (2, 3) BEGIN
    INSERT INTO search_pending_entries (session, seq) VALUES (NEW.session, NEW.seq);
END;
CREATE TRIGGER search_entry_deleted AFTER DELETE ON entries WHEN OLD.kind IN (2, 3) BEGIN
    DELETE FROM search_pending_entries WHERE session = OLD.session AND seq = OLD.seq;
    DELETE FROM search_documents WHERE session = OLD.session AND seq = OLD.seq;
END;
CREATE TRIGGER search_document_added AFTER INSERT ON search_documents BEGIN
    UPDATE search_projects SET
        memories = memories + (NEW.kind = 1), memory_length = memory_length + (NEW.kind = 1) * NEW.length,
        others = others + (NEW.kind > 1), other_length = other_length + (NEW.kind > 1) * NEW.length
    WHERE project = NEW.document >> 33;
END;
CREATE TRIGGER search_document_deleted AFTER DELETE ON search_documents BEGIN
    DELETE FROM search_text WHERE rowid = OLD.document;
    UPDATE search_projects SET
        memories = memories - (OLD.kind = 1), memory_length = memory_length - (OLD.kind = 1) * OLD.length,
        others = others - (OLD.kind > 1), other_length = other_length - (OLD.kind > 1) * OLD.length
    WHERE project = OLD.document >> 33;
END;

INSERT INTO search_pending (memory_id) SELECT memory_id FROM project_memories WHERE NOT deleted ORDER BY updated_at, rowid;
INSERT INTO search_pending_entries (session, seq) SELECT session, seq FROM entries WHERE kind IN (2, 3);

-- Staleness: the files that a memory speaks of, as they were when its current version was written or confirmed.
CREATE TABLE memory_files (
    memory_id  TEXT NOT NULL REFERENCES project_memories (memory_id) ON DELETE CASCADE,
    path       TEXT NOT NULL,  -- below the project's root; absolute where it is elsewhere
    -- The content, as it is remembered. No size: the file was not there yet. No digest: it is known by size and time.
    size       INTEGER,
    digest     BLOB,
    -- The facts of the file when it was last seen with that content: a file that has them still is not read.
    inode      INTEGER,
    mtime_ns   INTEGER,
    ctime_ns   INTEGER,
    changed_at INTEGER,        -- since when it is known to differ; null: it does not
    PRIMARY KEY (memory_id, path),
    CHECK ((size IS NULL) = (inode IS NULL) AND (size IS NULL) = (mtime_ns IS NULL)),
    CHECK (size IS NOT NULL OR (digest IS NULL AND changed_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_files_by_path ON memory_files (path);
CREATE INDEX memory_files_changed ON memory_files (memory_id) WHERE changed_at IS NOT NULL;

-- Memories whose files are still to be looked at: that is done after the answer, so a kill may come between.
CREATE TABLE memory_files_due (
    memory_id TEXT PRIMARY KEY REFERENCES project_memories (memory_id) ON DELETE CASCADE,
    since     INTEGER,           -- when the memory was written or confirmed; null: nobody knows
    token     INTEGER NOT NULL   -- another one each time it is written meanwhile
) STRICT, WITHOUT ROWID;
INSERT INTO memory_files_due (memory_id, since, token) SELECT memory_id, NULL, 1 FROM project_memories WHERE NOT deleted;

-- Vectors: what each document means, as the embedder has it (storage/vectors.py).

-- What the embedder knows of the texts there are. An epoch ends when it has learned anew; since is the first of the model.
CREATE TABLE search_model (
    only_one  INTEGER PRIMARY KEY CHECK (only_one = 1),
    epoch     INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    model     TEXT NOT NULL,
    documents INTEGER NOT NULL,  -- how many there were
    learned   BLOB NOT NULL
) STRICT;

-- vector: a signed byte for each dimension.
CREATE TABLE search_vectors (
    document INTEGER PRIMARY KEY REFERENCES search_documents (document) ON DELETE CASCADE,
    epoch    INTEGER NOT NULL,
    vector   BLOB NOT NULL
) STRICT;

-- Documents without a vector, in the order in which they came. One that is written again has a new number.
CREATE TABLE search_unembedded (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    document INTEGER NOT NULL UNIQUE REFERENCES search_documents (document) ON DELETE CASCADE
) STRICT;

CREATE TRIGGER search_vector_wanted AFTER INSERT ON search_documents BEGIN
    INSERT INTO search_unembedded (document) VALUES (NEW.document);
END;

-- Retention: those that are deleted, by when; and when each rule was applied last, and how much went by it then and in all.
CREATE INDEX project_memories_deleted ON project_memories (updated_at) WHERE deleted;
CREATE TABLE retention_runs (
    rule    TEXT PRIMARY KEY,
    ran_at  INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    total   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
