-- Times are UTC milliseconds since 1970. Ids shown to callers are TEXT; keys that only the tables use are INTEGER.

CREATE TABLE projects (
    project_id    TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('git', 'marker', 'path', 'named')),
    root          TEXT CHECK (kind = 'named' OR root IS NOT NULL),
    -- What survives a move of the folder: of the git common directory, or of the folder itself outside git.
    device        INTEGER,
    inode         INTEGER,
    birth_ns      INTEGER,
    created_at    INTEGER NOT NULL,
    last_activity INTEGER NOT NULL,
    settings_json TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX projects_by_root ON projects (root);
CREATE INDEX projects_by_inode ON projects (inode) WHERE inode IS NOT NULL;
CREATE INDEX projects_by_last_activity ON projects (last_activity);

CREATE TABLE sessions (
    session_key        INTEGER PRIMARY KEY,
    session_id         TEXT NOT NULL UNIQUE,
    tool_id            TEXT NOT NULL,
    user_id            TEXT,
    workspace_path     TEXT NOT NULL,
    project_id         TEXT NOT NULL REFERENCES projects (project_id),
    created_at         INTEGER NOT NULL,
    last_activity      INTEGER NOT NULL CHECK (last_activity >= created_at),
    ended_at           INTEGER CHECK (ended_at >= created_at),
    end_reason         TEXT CHECK (end_reason IN ('client', 'process_exited', 'replaced', 'reboot', 'idle')),
    end_detail         TEXT,
    continues          TEXT,
    -- (pid, start, boot) is one process for ever; the start is in the kernel's own unit, untouched by clock changes.
    process_id         INTEGER,
    process_start      INTEGER,
    process_boot       TEXT,
    process_started_at INTEGER,
    seen_alive_at      INTEGER,
    pinned             INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
    archived           INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
    -- The context folded up to the entry folded_through: what follows it in entries is the tail.
    context_json       TEXT,
    compressed_context BLOB,
    folded_through     INTEGER NOT NULL DEFAULT 0,
    context_size_bytes INTEGER NOT NULL DEFAULT 0,
    metrics_json       TEXT NOT NULL DEFAULT '{}',
    metadata_json      TEXT NOT NULL DEFAULT '{}',
    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CHECK ((process_id IS NULL) = (process_start IS NULL) AND (process_id IS NULL) = (process_boot IS NULL))
) STRICT;
CREATE INDEX sessions_by_project ON sessions (project_id, last_activity);
CREATE INDEX sessions_by_workspace ON sessions (workspace_path);
CREATE INDEX sessions_by_last_activity ON sessions (last_activity);
CREATE INDEX sessions_by_process ON sessions (process_id) WHERE process_id IS NOT NULL;
CREATE INDEX sessions_open ON sessions (ended_at) WHERE ended_at IS NULL;

-- One row per entry, clustered by session, so that an append touches one page however long the session is.
-- kind: 1 access, 2 search, 3 decision, 4 memory, 5 scan, 6 gap, 7 checkpoint. source: 1 api, 2 watch, 3 hook.
-- access: 1 read, 2 write, 3 create, 4 delete, 5 move. attribution: 1 exact, 2 process, 3 probable, 4 ambiguous.
CREATE TABLE entries (
    session     INTEGER NOT NULL REFERENCES sessions (session_key) ON DELETE CASCADE,
    seq         INTEGER NOT NULL CHECK (seq > 0),
    at          INTEGER NOT NULL,
    kind        INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7),
    source      INTEGER NOT NULL CHECK (source BETWEEN 1 AND 3),
    access      INTEGER CHECK (access BETWEEN 1 AND 5),
    attribution INTEGER CHECK (attribution BETWEEN 1 AND 4),
    importance  REAL CHECK (importance BETWEEN 0 AND 1),
    subject     ANY NOT NULL,  -- path (BLOB where it is not UTF-8), query, decision, memory id, burst id, gap reason
    details     TEXT,          -- JSON: what only some entries of the kind have
    PRIMARY KEY (session, seq),
    CHECK (kind <> 1 OR (access IS NOT NULL AND attribution IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- One row per memory, holding its current version; a deleted one stays, so that its chain goes on for ever.
CREATE TABLE project_memories (
    memory_id        TEXT PRIMARY KEY,
    project_id       TEXT NOT NULL REFERENCES projects (project_id),
    memory_key       TEXT NOT NULL,
    memory_value     TEXT,
    compressed_value BLOB,  -- zlib; instead of memory_value, for values over 8 KiB
    version          INTEGER NOT NULL CHECK (version > 0),
    deleted          INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    last_accessed    INTEGER NOT NULL,
    accessed_count   INTEGER NOT NULL DEFAULT 0,
    ttl_seconds      REAL,
    expires_at       INTEGER,
    metadata_json    TEXT NOT NULL DEFAULT '{}',
    files_json       TEXT NOT NULL DEFAULT '[]',
    session_id       TEXT,
    confirmed_at     INTEGER,
    tenant_id        TEXT,  -- reserved
    UNIQUE (project_id, memory_key),
    CHECK (deleted = (memory_value IS NULL AND compressed_value IS NULL)),
    CHECK ((ttl_seconds IS NULL) = (expires_at IS NULL))
) STRICT;
CREATE INDEX project_memories_by_access ON project_memories (project_id, last_accessed);
CREATE INDEX project_memories_by_expiry ON project_memories (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE memory_versions (
    memory_id        TEXT NOT NULL REFERENCES project_memories (memory_id) ON DELETE CASCADE,
    version          INTEGER NOT NULL CHECK (version > 0),
    memory_value     TEXT,
    compressed_value BLOB,
    metadata_json    TEXT NOT NULL,
    files_json       TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    session_id       TEXT,
    deleted          INTEGER NOT NULL CHECK (deleted IN (0, 1)),
    PRIMARY KEY (memory_id, version)
) STRICT, WITHOUT ROWID;

-- Workspaces added by hand; the others are watched because a session is active in them.
CREATE TABLE workspaces (
    path     TEXT PRIMARY KEY,
    added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The answers of POSTs that carried an Idempotency-Key.
CREATE TABLE idempotency_keys (
    route       TEXT NOT NULL,
    key         TEXT NOT NULL,
    body_digest BLOB NOT NULL,
    status      INTEGER NOT NULL,
    body        BLOB,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Written and read back to know that the store works.
CREATE TABLE canary (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    at   INTEGER NOT NULL
) STRICT;
