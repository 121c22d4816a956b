-- Rendered from src/lodestore/core/families.py by `./dev schema`; a test fails when it differs. Do not edit.

CREATE TABLE agent (
    agent_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_agent PRIMARY KEY (agent_id)
);

CREATE TABLE cache (
    cache_key TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    expires_at BIGINT,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_cache PRIMARY KEY (cache_key)
);

CREATE INDEX ix_cache_expires_at ON cache (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE collection (
    collection_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_collection PRIMARY KEY (collection_id)
);

CREATE TABLE conversation (
    conversation_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_conversation PRIMARY KEY (conversation_id)
);

CREATE TABLE dictionary (
    number BIGINT NOT NULL,
    family TEXT COLLATE "C" NOT NULL,
    covered BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_dictionary PRIMARY KEY (number)
);

CREATE TABLE posting (
    family TEXT COLLATE "C" NOT NULL,
    outer_key TEXT COLLATE "C" NOT NULL,
    inner_key TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    version BIGINT NOT NULL,
    print BYTEA NOT NULL,
    part TEXT COLLATE "C",
    words TSVECTOR NOT NULL,
    CONSTRAINT pk_posting PRIMARY KEY (family, outer_key, inner_key)
);

CREATE INDEX ix_posting_part ON posting (outer_key, part) WHERE part IS NOT NULL;

CREATE INDEX ix_posting_words ON posting USING gin (words);

CREATE TABLE result (
    result_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_result PRIMARY KEY (result_id)
);

CREATE UNIQUE INDEX uq_result_position ON result (position);

CREATE TABLE result_vector (
    result_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_result_vector PRIMARY KEY (result_id)
);

CREATE TABLE state (
    state_key TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_state PRIMARY KEY (state_key)
);

CREATE TABLE store (
    id BIGINT NOT NULL,
    commits BIGINT NOT NULL,
    latest BIGINT NOT NULL,
    postings BIGINT DEFAULT 0 NOT NULL,
    embeddings BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_store PRIMARY KEY (id),
    CONSTRAINT ck_store_single CHECK (id = 1)
);

CREATE TABLE chunk_info (
    conversation_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_chunk_info PRIMARY KEY (conversation_id),
    CONSTRAINT fk_chunk_info_conversation FOREIGN KEY(conversation_id) REFERENCES conversation (conversation_id) ON DELETE CASCADE
);

CREATE TABLE item (
    collection_id TEXT COLLATE "C" NOT NULL,
    item_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_item PRIMARY KEY (collection_id, item_id),
    CONSTRAINT fk_item_collection FOREIGN KEY(collection_id) REFERENCES collection (collection_id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX uq_item_position ON item (collection_id, position);

CREATE TABLE item_vector (
    collection_id TEXT COLLATE "C" NOT NULL,
    item_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_item_vector PRIMARY KEY (collection_id, item_id),
    CONSTRAINT fk_item_vector_collection FOREIGN KEY(collection_id) REFERENCES collection (collection_id) ON DELETE CASCADE
);

CREATE TABLE memory (
    conversation_id TEXT COLLATE "C" NOT NULL,
    memory_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_memory PRIMARY KEY (conversation_id, memory_id),
    CONSTRAINT fk_memory_conversation FOREIGN KEY(conversation_id) REFERENCES conversation (conversation_id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX uq_memory_position ON memory (conversation_id, position);

CREATE TABLE memory_vector (
    conversation_id TEXT COLLATE "C" NOT NULL,
    memory_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_memory_vector PRIMARY KEY (conversation_id, memory_id),
    CONSTRAINT fk_memory_vector_conversation FOREIGN KEY(conversation_id) REFERENCES conversation (conversation_id) ON DELETE CASCADE
);

CREATE TABLE raw_message (
    conversation_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_raw_message PRIMARY KEY (conversation_id, position),
    CONSTRAINT fk_raw_message_conversation FOREIGN KEY(conversation_id) REFERENCES conversation (conversation_id) ON DELETE CASCADE
);

CREATE TABLE raw_message_vector (
    conversation_id TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_raw_message_vector PRIMARY KEY (conversation_id, message),
    CONSTRAINT fk_raw_message_vector_conversation FOREIGN KEY(conversation_id) REFERENCES conversation (conversation_id) ON DELETE CASCADE
);

CREATE TABLE reasoning_chain (
    agent_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_reasoning_chain PRIMARY KEY (agent_id, position),
    CONSTRAINT fk_reasoning_chain_agent FOREIGN KEY(agent_id) REFERENCES agent (agent_id) ON DELETE CASCADE
);

CREATE TEXT SEARCH DICTIONARY english (TEMPLATE = pg_catalog.snowball, LANGUAGE = english);

CREATE TEXT SEARCH CONFIGURATION words (COPY = pg_catalog.simple);

ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword, word WITH english;

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO store (id, commits, latest) VALUES (1, 0, 0);

INSERT INTO alembic_version (version_num) VALUES ('0007');

