-- Rendered from src/lodestore/catalogue.py by `./dev schema`; a test fails when it differs. Do not edit.

-- fetch_many conversation
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE (conversation_id) IN (SELECT * FROM unnest($1::text[]));

-- put_alone conversation
WITH advance AS (UPDATE store SET commits = commits + 1, latest = greatest(latest, $3::bigint) RETURNING commits) INSERT INTO conversation (conversation_id, body, version, created_at, written_at) SELECT $1::text, $2::bytea, commits, $3::bigint, $3::bigint FROM advance ON CONFLICT (conversation_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at RETURNING version;

-- fetch conversation
SELECT body, version, created_at, written_at, NULL, NULL FROM conversation WHERE conversation_id = $1;

-- count conversation
SELECT coalesce(sum((length(body) > 0)::int), 0), count(*) - coalesce(sum((length(body) > 0)::int), 0) FROM conversation;

-- scan conversation depth=0
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE length(body) > 0 ORDER BY conversation_id LIMIT $1;

-- scan conversation depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE length(body) > 0 ORDER BY conversation_id DESC LIMIT $1;

-- scan conversation depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE conversation_id > $1 AND length(body) > 0 ORDER BY conversation_id LIMIT $2;

-- scan conversation depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE conversation_id > $1 AND length(body) > 0 ORDER BY conversation_id DESC LIMIT $2;

-- scan conversation depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE conversation_id < $1 AND length(body) > 0 ORDER BY conversation_id LIMIT $2;

-- scan conversation depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM conversation WHERE conversation_id < $1 AND length(body) > 0 ORDER BY conversation_id DESC LIMIT $2;

-- fetch_many raw_message
SELECT body, version, created_at, written_at, NULL, position, conversation_id, position FROM raw_message WHERE (conversation_id, position) IN (SELECT * FROM unnest($1::text[], $2::bigint[]));

-- fetch raw_message
SELECT body, version, created_at, written_at, NULL, position FROM raw_message WHERE conversation_id = $1 AND position = $2;

-- count raw_message
SELECT count(*), 0 FROM raw_message;

-- scan raw_message depth=0
SELECT body, version, created_at, written_at, NULL, position, conversation_id, position FROM raw_message ORDER BY conversation_id, position LIMIT $1;

-- scan raw_message depth=0 newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, position FROM raw_message ORDER BY conversation_id DESC, position DESC LIMIT $1;

-- scan raw_message depth=0 after
SELECT body, version, created_at, written_at, NULL, position, conversation_id, position FROM raw_message WHERE (conversation_id, position) > ($1, $2) ORDER BY conversation_id, position LIMIT $3;

-- scan raw_message depth=0 after newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, position FROM raw_message WHERE (conversation_id, position) > ($1, $2) ORDER BY conversation_id DESC, position DESC LIMIT $3;

-- scan raw_message depth=0 before
SELECT body, version, created_at, written_at, NULL, position, conversation_id, position FROM raw_message WHERE (conversation_id, position) < ($1, $2) ORDER BY conversation_id, position LIMIT $3;

-- scan raw_message depth=0 before newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, position FROM raw_message WHERE (conversation_id, position) < ($1, $2) ORDER BY conversation_id DESC, position DESC LIMIT $3;

-- scan raw_message depth=1
SELECT body, version, created_at, written_at, NULL, position, conversation_id, position FROM raw_message WHERE conversation_id = $1 ORDER BY position LIMIT $2;

-- scan raw_message depth=1 newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, position FROM raw_message WHERE conversation_id = $1 ORDER BY position DESC LIMIT $2;

-- scan raw_message depth=1 after
SELECT body, version, created_at, written_at, NULL, position, conversation_id, position FROM raw_message WHERE conversation_id = $1 AND position > $2 ORDER BY position LIMIT $3;

-- scan raw_message depth=1 after newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, position FROM raw_message WHERE conversation_id = $1 AND position > $2 ORDER BY position DESC LIMIT $3;

-- scan raw_message depth=1 before
SELECT body, version, created_at, written_at, NULL, position, conversation_id, position FROM raw_message WHERE conversation_id = $1 AND position < $2 ORDER BY position LIMIT $3;

-- scan raw_message depth=1 before newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, position FROM raw_message WHERE conversation_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3;

-- fetch_many memory
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE (conversation_id, memory_id) IN (SELECT * FROM unnest($1::text[], $2::text[]));

-- fetch memory
SELECT body, version, created_at, written_at, NULL, position FROM memory WHERE conversation_id = $1 AND memory_id = $2;

-- count memory
SELECT count(*), 0 FROM memory;

-- scan memory depth=0
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory ORDER BY conversation_id, position LIMIT $1;

-- scan memory depth=0 newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory ORDER BY conversation_id DESC, position DESC LIMIT $1;

-- scan memory depth=0 after
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE (conversation_id, position) > ($1, $2) ORDER BY conversation_id, position LIMIT $3;

-- scan memory depth=0 after newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE (conversation_id, position) > ($1, $2) ORDER BY conversation_id DESC, position DESC LIMIT $3;

-- scan memory depth=0 before
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE (conversation_id, position) < ($1, $2) ORDER BY conversation_id, position LIMIT $3;

-- scan memory depth=0 before newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE (conversation_id, position) < ($1, $2) ORDER BY conversation_id DESC, position DESC LIMIT $3;

-- scan memory depth=1
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE conversation_id = $1 ORDER BY position LIMIT $2;

-- scan memory depth=1 newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE conversation_id = $1 ORDER BY position DESC LIMIT $2;

-- scan memory depth=1 after
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE conversation_id = $1 AND position > $2 ORDER BY position LIMIT $3;

-- scan memory depth=1 after newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE conversation_id = $1 AND position > $2 ORDER BY position DESC LIMIT $3;

-- scan memory depth=1 before
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE conversation_id = $1 AND position < $2 ORDER BY position LIMIT $3;

-- scan memory depth=1 before newest
SELECT body, version, created_at, written_at, NULL, position, conversation_id, memory_id FROM memory WHERE conversation_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3;

-- fetch_many chunk_info
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info WHERE (conversation_id) IN (SELECT * FROM unnest($1::text[]));

-- fetch chunk_info
SELECT body, version, created_at, written_at, NULL, NULL FROM chunk_info WHERE conversation_id = $1;

-- count chunk_info
SELECT count(*), 0 FROM chunk_info;

-- scan chunk_info depth=0
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info ORDER BY conversation_id LIMIT $1;

-- scan chunk_info depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info ORDER BY conversation_id DESC LIMIT $1;

-- scan chunk_info depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info WHERE conversation_id > $1 ORDER BY conversation_id LIMIT $2;

-- scan chunk_info depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info WHERE conversation_id > $1 ORDER BY conversation_id DESC LIMIT $2;

-- scan chunk_info depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info WHERE conversation_id < $1 ORDER BY conversation_id LIMIT $2;

-- scan chunk_info depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id FROM chunk_info WHERE conversation_id < $1 ORDER BY conversation_id DESC LIMIT $2;

-- fetch_many agent
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE (agent_id) IN (SELECT * FROM unnest($1::text[]));

-- put_alone agent
WITH advance AS (UPDATE store SET commits = commits + 1, latest = greatest(latest, $3::bigint) RETURNING commits) INSERT INTO agent (agent_id, body, version, created_at, written_at) SELECT $1::text, $2::bytea, commits, $3::bigint, $3::bigint FROM advance ON CONFLICT (agent_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at RETURNING version;

-- fetch agent
SELECT body, version, created_at, written_at, NULL, NULL FROM agent WHERE agent_id = $1;

-- count agent
SELECT coalesce(sum((length(body) > 0)::int), 0), count(*) - coalesce(sum((length(body) > 0)::int), 0) FROM agent;

-- scan agent depth=0
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE length(body) > 0 ORDER BY agent_id LIMIT $1;

-- scan agent depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE length(body) > 0 ORDER BY agent_id DESC LIMIT $1;

-- scan agent depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE agent_id > $1 AND length(body) > 0 ORDER BY agent_id LIMIT $2;

-- scan agent depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE agent_id > $1 AND length(body) > 0 ORDER BY agent_id DESC LIMIT $2;

-- scan agent depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE agent_id < $1 AND length(body) > 0 ORDER BY agent_id LIMIT $2;

-- scan agent depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, agent_id FROM agent WHERE agent_id < $1 AND length(body) > 0 ORDER BY agent_id DESC LIMIT $2;

-- fetch_many reasoning_chain
SELECT body, version, created_at, written_at, NULL, position, agent_id, position FROM reasoning_chain WHERE (agent_id, position) IN (SELECT * FROM unnest($1::text[], $2::bigint[]));

-- fetch reasoning_chain
SELECT body, version, created_at, written_at, NULL, position FROM reasoning_chain WHERE agent_id = $1 AND position = $2;

-- count reasoning_chain
SELECT count(*), 0 FROM reasoning_chain;

-- scan reasoning_chain depth=0
SELECT body, version, created_at, written_at, NULL, position, agent_id, position FROM reasoning_chain ORDER BY agent_id, position LIMIT $1;

-- scan reasoning_chain depth=0 newest
SELECT body, version, created_at, written_at, NULL, position, agent_id, position FROM reasoning_chain ORDER BY agent_id DESC, position DESC LIMIT $1;

-- scan reasoning_chain depth=0 after
SELECT body, version, created_at, written_at, NULL, position, agent_id, position FROM reasoning_chain WHERE (agent_id, position) > ($1, $2) ORDER BY agent_id, position LIMIT $3;

-- scan reasoning_chain depth=0 after newest
SELECT body, version, created_at, written_at, NULL, position, agent_id, position FROM reasoning_chain WHERE (agent_id, position) > ($1, $2) ORDER BY agent_id DESC, position DESC LIMIT $3;

-- scan reasoning_chain depth=0 before
SELECT body, version, created_at, written_at, NULL, position, agent_id, position FROM reasoning_chain WHERE (agent_id, position) < ($1, $2) ORDER BY agent_id, position LIMIT $3;

-- scan reasoning_chain depth=0 before newest
SELECT body, version, created_at, written_at, NULL, position, agent_id, position FROM reasoning_chain WHERE (agent_id, position) < ($1, $2) ORDER BY agent_id DESC, position DESC LIMIT $3;

-- scan reasoning_chain depth=1
SELECT body, version, created_at, written_at, NULL, position, agent_id, position FROM reasoning_chain WHERE agent_id = $1 ORDER BY position LIMIT $2;

-- scan reasoning_chain depth=1 newest
SELECT body, version, created_at, written_at, NULL, position, agent_id, position FROM reasoning_chain WHERE agent_id = $1 ORDER BY position DESC LIMIT $2;

-- scan reasoning_chain depth=1 after
SELECT body, version, created_at, written_at, NULL, position, agent_id, position FROM reasoning_chain WHERE agent_id = $1 AND position > $2 ORDER BY position LIMIT $3;

-- scan reasoning_chain depth=1 after newest
SELECT body, version, created_at, written_at, NULL, position, agent_id, position FROM reasoning_chain WHERE agent_id = $1 AND position > $2 ORDER BY position DESC LIMIT $3;

-- scan reasoning_chain depth=1 before
SELECT body, version, created_at, written_at, NULL, position, agent_id, position FROM reasoning_chain WHERE agent_id = $1 AND position < $2 ORDER BY position LIMIT $3;

-- scan reasoning_chain depth=1 before newest
SELECT body, version, created_at, written_at, NULL, position, agent_id, position FROM reasoning_chain WHERE agent_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3;

-- fetch_many cache
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE (cache_key) IN (SELECT * FROM unnest($1::text[]));

-- put_alone cache
WITH advance AS (UPDATE store SET commits = commits + 1, latest = greatest(latest, $3::bigint) RETURNING commits) INSERT INTO cache (cache_key, body, version, created_at, written_at, expires_at) SELECT $1::text, $2::bytea, commits, $3::bigint, $3::bigint, $4::bigint FROM advance ON CONFLICT (cache_key) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at, expires_at = excluded.expires_at, created_at = CASE WHEN cache.expires_at <= excluded.created_at THEN excluded.created_at ELSE cache.created_at END RETURNING version;

-- fetch cache
SELECT body, version, created_at, written_at, expires_at, NULL FROM cache WHERE cache_key = $1;

-- sweep cache
DELETE FROM cache WHERE ctid IN (SELECT ctid FROM cache WHERE expires_at <= $1 LIMIT $2);

-- count cache
SELECT count(*), 0 FROM cache WHERE expires_at IS NULL OR expires_at > $1;

-- scan cache depth=0
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE (expires_at IS NULL OR expires_at > $1) ORDER BY cache_key LIMIT $2;

-- scan cache depth=0 newest
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE (expires_at IS NULL OR expires_at > $1) ORDER BY cache_key DESC LIMIT $2;

-- scan cache depth=0 after
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE cache_key > $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY cache_key LIMIT $3;

-- scan cache depth=0 after newest
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE cache_key > $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY cache_key DESC LIMIT $3;

-- scan cache depth=0 before
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE cache_key < $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY cache_key LIMIT $3;

-- scan cache depth=0 before newest
SELECT body, version, created_at, written_at, expires_at, NULL, cache_key FROM cache WHERE cache_key < $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY cache_key DESC LIMIT $3;

-- fetch_many state
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state WHERE (state_key) IN (SELECT * FROM unnest($1::text[]));

-- put_alone state
WITH advance AS (UPDATE store SET commits = commits + 1, latest = greatest(latest, $3::bigint) RETURNING commits) INSERT INTO state (state_key, body, version, created_at, written_at) SELECT $1::text, $2::bytea, commits, $3::bigint, $3::bigint FROM advance ON CONFLICT (state_key) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at RETURNING version;

-- fetch state
SELECT body, version, created_at, written_at, NULL, NULL FROM state WHERE state_key = $1;

-- count state
SELECT count(*), 0 FROM state;

-- scan state depth=0
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state ORDER BY state_key LIMIT $1;

-- scan state depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state ORDER BY state_key DESC LIMIT $1;

-- scan state depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state WHERE state_key > $1 ORDER BY state_key LIMIT $2;

-- scan state depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state WHERE state_key > $1 ORDER BY state_key DESC LIMIT $2;

-- scan state depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state WHERE state_key < $1 ORDER BY state_key LIMIT $2;

-- scan state depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, state_key FROM state WHERE state_key < $1 ORDER BY state_key DESC LIMIT $2;

-- fetch_many result
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result WHERE (result_id) IN (SELECT * FROM unnest($1::text[]));

-- fetch result
SELECT body, version, created_at, written_at, NULL, position FROM result WHERE result_id = $1;

-- count result
SELECT count(*), 0 FROM result;

-- scan result depth=0
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result ORDER BY position LIMIT $1;

-- scan result depth=0 newest
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result ORDER BY position DESC LIMIT $1;

-- scan result depth=0 after
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result WHERE position > $1 ORDER BY position LIMIT $2;

-- scan result depth=0 after newest
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result WHERE position > $1 ORDER BY position DESC LIMIT $2;

-- scan result depth=0 before
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result WHERE position < $1 ORDER BY position LIMIT $2;

-- scan result depth=0 before newest
SELECT body, version, created_at, written_at, NULL, position, result_id FROM result WHERE position < $1 ORDER BY position DESC LIMIT $2;

-- learn dictionaries
SELECT number, family, covered, body FROM dictionary WHERE number > $1 ORDER BY number;

-- keep dictionary
INSERT INTO dictionary (number, family, covered, body) VALUES ($1, $2, $3, $4);

-- held conversation
SELECT coalesce(sum(length(body)), 0) FROM conversation;

-- sample conversation
SELECT body FROM conversation TABLESAMPLE SYSTEM ($1);

-- held raw_message
SELECT coalesce(sum(length(body)), 0) FROM raw_message;

-- sample raw_message
SELECT body FROM raw_message TABLESAMPLE SYSTEM ($1);

-- held memory
SELECT coalesce(sum(length(body)), 0) FROM memory;

-- sample memory
SELECT body FROM memory TABLESAMPLE SYSTEM ($1);

-- held chunk_info
SELECT coalesce(sum(length(body)), 0) FROM chunk_info;

-- sample chunk_info
SELECT body FROM chunk_info TABLESAMPLE SYSTEM ($1);

-- held agent
SELECT coalesce(sum(length(body)), 0) FROM agent;

-- sample agent
SELECT body FROM agent TABLESAMPLE SYSTEM ($1);

-- held reasoning_chain
SELECT coalesce(sum(length(body)), 0) FROM reasoning_chain;

-- sample reasoning_chain
SELECT body FROM reasoning_chain TABLESAMPLE SYSTEM ($1);

-- held cache
SELECT coalesce(sum(length(body)), 0) FROM cache;

-- sample cache
SELECT body FROM cache TABLESAMPLE SYSTEM ($1);

-- held state
SELECT coalesce(sum(length(body)), 0) FROM state;

-- sample state
SELECT body FROM state TABLESAMPLE SYSTEM ($1);

-- held result
SELECT coalesce(sum(length(body)), 0) FROM result;

-- sample result
SELECT body FROM result TABLESAMPLE SYSTEM ($1);

-- own many conversation
INSERT INTO conversation (conversation_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT DO NOTHING;

-- put many conversation
INSERT INTO conversation (conversation_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT (conversation_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy many conversation
INSERT INTO conversation (conversation_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT (conversation_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- standing conversation
SELECT version, expires_at, place FROM unnest($1::text[]) WITH ORDINALITY AS w(conversation_id, number) LEFT JOIN LATERAL (SELECT CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, NULL::bigint AS expires_at, NULL AS place FROM conversation t WHERE t.conversation_id = w.conversation_id LIMIT 1) AS stood ON true ORDER BY number;

-- repack many conversation
UPDATE conversation t SET body = w.body FROM unnest($1::text[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS w(conversation_id, version, body, number) WHERE t.conversation_id = w.conversation_id AND t.version = w.version;

-- drop many conversation depth=0
WITH gone AS (DELETE FROM conversation t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many conversation depth=1
WITH gone AS (DELETE FROM conversation t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(conversation_id, at, number) WHERE t.conversation_id = w.conversation_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- add many raw_message
INSERT INTO raw_message (conversation_id, position, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[]);

-- copy many raw_message
INSERT INTO raw_message (conversation_id, position, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[]) ON CONFLICT (conversation_id, position) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- next_places raw_message
SELECT (SELECT coalesce(max(t.position) + 1, 0) FROM raw_message t WHERE t.conversation_id = w.conversation_id) FROM unnest($1::text[]) WITH ORDINALITY AS w(conversation_id, number) ORDER BY number;

-- repack many raw_message
UPDATE raw_message t SET body = w.body FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[]) WITH ORDINALITY AS w(conversation_id, position, version, body, number) WHERE t.conversation_id = w.conversation_id AND t.position = w.position AND t.version = w.version;

-- drop many raw_message depth=0
WITH gone AS (DELETE FROM raw_message t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many raw_message depth=1
WITH gone AS (DELETE FROM raw_message t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(conversation_id, at, number) WHERE t.conversation_id = w.conversation_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many raw_message depth=2
WITH gone AS (DELETE FROM raw_message t USING unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS w(conversation_id, position, at, number) WHERE t.conversation_id = w.conversation_id AND t.position = w.position RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- put many memory
INSERT INTO memory (conversation_id, memory_id, body, version, created_at, written_at, position) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) ON CONFLICT (conversation_id, memory_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy many memory
INSERT INTO memory (conversation_id, memory_id, body, version, created_at, written_at, position) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) ON CONFLICT (conversation_id, memory_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at, position = excluded.position;

-- standing memory
SELECT version, expires_at, place, (SELECT t.memory_id FROM memory t WHERE t.conversation_id = w.conversation_id AND t.position = w.position), (SELECT coalesce(max(t.position) + 1, 0) FROM memory t WHERE t.conversation_id = w.conversation_id) FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS w(conversation_id, memory_id, position, number) LEFT JOIN LATERAL (SELECT CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, NULL::bigint AS expires_at, position AS place FROM memory t WHERE t.conversation_id = w.conversation_id AND t.memory_id = w.memory_id LIMIT 1) AS stood ON true ORDER BY number;

-- repack many memory
UPDATE memory t SET body = w.body FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) WITH ORDINALITY AS w(conversation_id, memory_id, version, body, number) WHERE t.conversation_id = w.conversation_id AND t.memory_id = w.memory_id AND t.version = w.version;

-- drop many memory depth=0
WITH gone AS (DELETE FROM memory t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many memory depth=1
WITH gone AS (DELETE FROM memory t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(conversation_id, at, number) WHERE t.conversation_id = w.conversation_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many memory depth=2
WITH gone AS (DELETE FROM memory t USING unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS w(conversation_id, memory_id, at, number) WHERE t.conversation_id = w.conversation_id AND t.memory_id = w.memory_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- put many chunk_info
INSERT INTO chunk_info (conversation_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT (conversation_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy many chunk_info
INSERT INTO chunk_info (conversation_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT (conversation_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- standing chunk_info
SELECT version, expires_at, place FROM unnest($1::text[]) WITH ORDINALITY AS w(conversation_id, number) LEFT JOIN LATERAL (SELECT CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, NULL::bigint AS expires_at, NULL AS place FROM chunk_info t WHERE t.conversation_id = w.conversation_id LIMIT 1) AS stood ON true ORDER BY number;

-- repack many chunk_info
UPDATE chunk_info t SET body = w.body FROM unnest($1::text[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS w(conversation_id, version, body, number) WHERE t.conversation_id = w.conversation_id AND t.version = w.version;

-- drop many chunk_info depth=0
WITH gone AS (DELETE FROM chunk_info t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many chunk_info depth=1
WITH gone AS (DELETE FROM chunk_info t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(conversation_id, at, number) WHERE t.conversation_id = w.conversation_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- own many agent
INSERT INTO agent (agent_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT DO NOTHING;

-- put many agent
INSERT INTO agent (agent_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT (agent_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy many agent
INSERT INTO agent (agent_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT (agent_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- standing agent
SELECT version, expires_at, place FROM unnest($1::text[]) WITH ORDINALITY AS w(agent_id, number) LEFT JOIN LATERAL (SELECT CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, NULL::bigint AS expires_at, NULL AS place FROM agent t WHERE t.agent_id = w.agent_id LIMIT 1) AS stood ON true ORDER BY number;

-- repack many agent
UPDATE agent t SET body = w.body FROM unnest($1::text[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS w(agent_id, version, body, number) WHERE t.agent_id = w.agent_id AND t.version = w.version;

-- drop many agent depth=0
WITH gone AS (DELETE FROM agent t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many agent depth=1
WITH gone AS (DELETE FROM agent t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(agent_id, at, number) WHERE t.agent_id = w.agent_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- add many reasoning_chain
INSERT INTO reasoning_chain (agent_id, position, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[]);

-- copy many reasoning_chain
INSERT INTO reasoning_chain (agent_id, position, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[]) ON CONFLICT (agent_id, position) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- next_places reasoning_chain
SELECT (SELECT coalesce(max(t.position) + 1, 0) FROM reasoning_chain t WHERE t.agent_id = w.agent_id) FROM unnest($1::text[]) WITH ORDINALITY AS w(agent_id, number) ORDER BY number;

-- repack many reasoning_chain
UPDATE reasoning_chain t SET body = w.body FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[]) WITH ORDINALITY AS w(agent_id, position, version, body, number) WHERE t.agent_id = w.agent_id AND t.position = w.position AND t.version = w.version;

-- drop many reasoning_chain depth=0
WITH gone AS (DELETE FROM reasoning_chain t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many reasoning_chain depth=1
WITH gone AS (DELETE FROM reasoning_chain t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(agent_id, at, number) WHERE t.agent_id = w.agent_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many reasoning_chain depth=2
WITH gone AS (DELETE FROM reasoning_chain t USING unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS w(agent_id, position, at, number) WHERE t.agent_id = w.agent_id AND t.position = w.position RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- put many cache
INSERT INTO cache (cache_key, body, version, created_at, written_at, expires_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) ON CONFLICT (cache_key) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at, expires_at = excluded.expires_at, created_at = CASE WHEN cache.expires_at <= excluded.created_at THEN excluded.created_at ELSE cache.created_at END;

-- copy many cache
INSERT INTO cache (cache_key, body, version, created_at, written_at, expires_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) ON CONFLICT (cache_key) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at, expires_at = excluded.expires_at;

-- standing cache
SELECT version, expires_at, place FROM unnest($1::text[]) WITH ORDINALITY AS w(cache_key, number) LEFT JOIN LATERAL (SELECT CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, t.expires_at AS expires_at, NULL AS place FROM cache t WHERE t.cache_key = w.cache_key LIMIT 1) AS stood ON true ORDER BY number;

-- repack many cache
UPDATE cache t SET body = w.body FROM unnest($1::text[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS w(cache_key, version, body, number) WHERE t.cache_key = w.cache_key AND t.version = w.version;

-- drop many cache depth=0
WITH gone AS (DELETE FROM cache t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, expires_at IS NULL OR expires_at > w.at AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many cache depth=1
WITH gone AS (DELETE FROM cache t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(cache_key, at, number) WHERE t.cache_key = w.cache_key RETURNING number, expires_at IS NULL OR expires_at > w.at AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- put many state
INSERT INTO state (state_key, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT (state_key) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy many state
INSERT INTO state (state_key, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT (state_key) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- standing state
SELECT version, expires_at, place FROM unnest($1::text[]) WITH ORDINALITY AS w(state_key, number) LEFT JOIN LATERAL (SELECT CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, NULL::bigint AS expires_at, NULL AS place FROM state t WHERE t.state_key = w.state_key LIMIT 1) AS stood ON true ORDER BY number;

-- repack many state
UPDATE state t SET body = w.body FROM unnest($1::text[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS w(state_key, version, body, number) WHERE t.state_key = w.state_key AND t.version = w.version;

-- drop many state depth=0
WITH gone AS (DELETE FROM state t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many state depth=1
WITH gone AS (DELETE FROM state t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(state_key, at, number) WHERE t.state_key = w.state_key RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- put many result
INSERT INTO result (result_id, body, version, created_at, written_at, position) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) ON CONFLICT (result_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy many result
INSERT INTO result (result_id, body, version, created_at, written_at, position) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) ON CONFLICT (result_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at, position = excluded.position;

-- standing result
SELECT version, expires_at, place, (SELECT t.result_id FROM result t WHERE t.position = w.position), (SELECT coalesce(max(t.position) + 1, 0) FROM result t) FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(result_id, position, number) LEFT JOIN LATERAL (SELECT CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, NULL::bigint AS expires_at, position AS place FROM result t WHERE t.result_id = w.result_id LIMIT 1) AS stood ON true ORDER BY number;

-- repack many result
UPDATE result t SET body = w.body FROM unnest($1::text[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS w(result_id, version, body, number) WHERE t.result_id = w.result_id AND t.version = w.version;

-- drop many result depth=0
WITH gone AS (DELETE FROM result t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many result depth=1
WITH gone AS (DELETE FROM result t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(result_id, at, number) WHERE t.result_id = w.result_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;
