-- The service's own key, one row.
CREATE TABLE service (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    key BLOB NOT NULL
);

-- Where each room's log stands, and its group while it has one.
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    chain BLOB NOT NULL,
    group_id BLOB,
    group_info BLOB,
    -- Bytes of MLS messages in the entries kept.
    bytes INTEGER NOT NULL DEFAULT 0,
    -- How many those are.
    entries INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE snapshots (
    room INTEGER PRIMARY KEY REFERENCES rooms (id),
    seq INTEGER NOT NULL,
    group_info BLOB NOT NULL,
    tree BLOB NOT NULL
);

CREATE TABLE entries (
    room INTEGER NOT NULL REFERENCES rooms (id),
    seq INTEGER NOT NULL,
    group_id BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    -- Whether it belongs to the handshake, so that a restart needs it if no snapshot follows.
    handshake INTEGER NOT NULL,
    -- The entry as JSON, as clients get it.
    entry TEXT NOT NULL,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;

-- What else a room remembers; the rowid keeps the order.
CREATE TABLE facts (
    id INTEGER PRIMARY KEY,
    room INTEGER NOT NULL REFERENCES rooms (id),
    key TEXT NOT NULL,
    of_group INTEGER NOT NULL,
    fact TEXT NOT NULL,
    UNIQUE (room, key)
);

-- Published key packages of devices, the oldest first.
CREATE TABLE key_packages (
    id INTEGER PRIMARY KEY,
    participant TEXT NOT NULL,
    last_resort INTEGER NOT NULL,
    key_package BLOB NOT NULL
);
CREATE INDEX key_packages_of ON key_packages (participant, last_resort, id);

-- Room tokens and the signature key that each came with first.
CREATE TABLE tokens (
    token TEXT PRIMARY KEY,
    key BLOB NOT NULL,
    -- Seconds since 1970.
    until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX tokens_until ON tokens (until);
