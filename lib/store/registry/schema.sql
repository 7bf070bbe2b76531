-- Times are Unix milliseconds; keys are the 32 bytes of an Ed25519 public key;
-- hashes are BLAKE3.

-- Join tokens by their hash, for good, so that a used one never counts as new.
CREATE TABLE tokens (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    agents INTEGER NOT NULL CHECK (agents > 0),
    hostname TEXT,
    made_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    key BLOB CHECK (length(key) = 32),
    bound_ms INTEGER
) STRICT, WITHOUT ROWID;

-- Host keys that were let in.
CREATE TABLE keys (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    agents INTEGER NOT NULL CHECK (agents > 0),
    known_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys that an operator listed, for the policy allow-list.
CREATE TABLE allowed (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A number per (model, hostname, mac). There is a second one only where another
-- tuple has the same slot (a GPU that was replaced): a token is never given to
-- another tuple within a year of its last use.
CREATE TABLE hosts (
    host_id INTEGER PRIMARY KEY CHECK (host_id BETWEEN 0 AND 1048575),
    model TEXT NOT NULL,
    hostname TEXT NOT NULL,
    mac TEXT NOT NULL
) STRICT;
CREATE INDEX hosts_tuple ON hosts (hostname, mac, model);

CREATE TABLE agents (
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    tiny_id TEXT NOT NULL,
    gpu_id TEXT NOT NULL,
    hostname TEXT NOT NULL,
    mac TEXT NOT NULL,
    model TEXT NOT NULL,
    key BLOB NOT NULL CHECK (length(key) = 32),
    host_id INTEGER NOT NULL REFERENCES hosts,
    slot INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 63),
    token TEXT NOT NULL,
    record TEXT NOT NULL,
    request TEXT NOT NULL,
    enrolled_ms INTEGER NOT NULL,
    renewed_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    UNIQUE (host_id, slot)
) STRICT;
CREATE INDEX agents_tiny_id ON agents (tiny_id);
CREATE INDEX agents_hostname ON agents (hostname);
CREATE INDEX agents_key ON agents (key, expires_ms);

-- The last sequence that was taken, by author and subject.
CREATE TABLE sequences (
    key BLOB NOT NULL,
    subject TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (key, subject)
) STRICT, WITHOUT ROWID;

-- An empty agent is the whole key.
CREATE TABLE revocations (
    key BLOB NOT NULL CHECK (length(key) = 32),
    agent TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL,
    by_key BLOB NOT NULL CHECK (length(by_key) = 32),
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (key, agent)
) STRICT, WITHOUT ROWID;

-- Requests that were judged, for good. `digest` is of the signed bytes, all
-- zero where they could not be opened; `answer` is what was said, in its wire
-- form, so that the same request gets the same answer.
CREATE TABLE seen (
    id TEXT NOT NULL,
    key BLOB NOT NULL CHECK (length(key) = 32),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    answer BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    UNIQUE (id, key, digest)
) STRICT;

-- Requests that wait for a human, with the call for help that was sent.
CREATE TABLE held (
    id TEXT NOT NULL,
    key BLOB NOT NULL CHECK (length(key) = 32),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    help BLOB NOT NULL,
    approved INTEGER CHECK (approved IN (0, 1)),
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (id, key, digest)
) STRICT, WITHOUT ROWID;

-- `line` is one RFC 8785 object with the hash of the line before in it; `hash`
-- is the BLAKE3 of `line`.
CREATE TABLE audit (
    n INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
