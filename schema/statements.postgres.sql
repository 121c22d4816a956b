-- Rendered from src/lodestore/core/families.py by `./dev schema`; a test fails when it differs. Do not edit.

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

-- fetch_many collection
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE (collection_id) IN (SELECT * FROM unnest($1::text[]));

-- put_alone collection
WITH advance AS (UPDATE store SET commits = commits + 1, latest = greatest(latest, $3::bigint) RETURNING commits) INSERT INTO collection (collection_id, body, version, created_at, written_at) SELECT $1::text, $2::bytea, commits, $3::bigint, $3::bigint FROM advance ON CONFLICT (collection_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at RETURNING version;

-- fetch collection
SELECT body, version, created_at, written_at, NULL, NULL FROM collection WHERE collection_id = $1;

-- count collection
SELECT coalesce(sum((length(body) > 0)::int), 0), count(*) - coalesce(sum((length(body) > 0)::int), 0) FROM collection;

-- scan collection depth=0
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE length(body) > 0 ORDER BY collection_id LIMIT $1;

-- scan collection depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE length(body) > 0 ORDER BY collection_id DESC LIMIT $1;

-- scan collection depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE collection_id > $1 AND length(body) > 0 ORDER BY collection_id LIMIT $2;

-- scan collection depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE collection_id > $1 AND length(body) > 0 ORDER BY collection_id DESC LIMIT $2;

-- scan collection depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE collection_id < $1 AND length(body) > 0 ORDER BY collection_id LIMIT $2;

-- scan collection depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id FROM collection WHERE collection_id < $1 AND length(body) > 0 ORDER BY collection_id DESC LIMIT $2;

-- fetch_many item
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE (collection_id, item_id) IN (SELECT * FROM unnest($1::text[], $2::text[]));

-- fetch item
SELECT body, version, created_at, written_at, NULL, position FROM item WHERE collection_id = $1 AND item_id = $2;

-- count item
SELECT count(*), 0 FROM item;

-- scan item depth=0
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item ORDER BY collection_id, position LIMIT $1;

-- scan item depth=0 newest
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item ORDER BY collection_id DESC, position DESC LIMIT $1;

-- scan item depth=0 after
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE (collection_id, position) > ($1, $2) ORDER BY collection_id, position LIMIT $3;

-- scan item depth=0 after newest
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE (collection_id, position) > ($1, $2) ORDER BY collection_id DESC, position DESC LIMIT $3;

-- scan item depth=0 before
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE (collection_id, position) < ($1, $2) ORDER BY collection_id, position LIMIT $3;

-- scan item depth=0 before newest
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE (collection_id, position) < ($1, $2) ORDER BY collection_id DESC, position DESC LIMIT $3;

-- scan item depth=1
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE collection_id = $1 ORDER BY position LIMIT $2;

-- scan item depth=1 newest
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE collection_id = $1 ORDER BY position DESC LIMIT $2;

-- scan item depth=1 after
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE collection_id = $1 AND position > $2 ORDER BY position LIMIT $3;

-- scan item depth=1 after newest
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE collection_id = $1 AND position > $2 ORDER BY position DESC LIMIT $3;

-- scan item depth=1 before
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE collection_id = $1 AND position < $2 ORDER BY position LIMIT $3;

-- scan item depth=1 before newest
SELECT body, version, created_at, written_at, NULL, position, collection_id, item_id FROM item WHERE collection_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3;

-- fetch_many raw_message_vector
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE (conversation_id, message) IN (SELECT * FROM unnest($1::text[], $2::text[]));

-- fetch raw_message_vector
SELECT body, version, created_at, written_at, NULL, NULL FROM raw_message_vector WHERE conversation_id = $1 AND message = $2;

-- count raw_message_vector
SELECT count(*), 0 FROM raw_message_vector;

-- scan raw_message_vector depth=0
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector ORDER BY conversation_id, message LIMIT $1;

-- scan raw_message_vector depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector ORDER BY conversation_id DESC, message DESC LIMIT $1;

-- scan raw_message_vector depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE (conversation_id, message) > ($1, $2) ORDER BY conversation_id, message LIMIT $3;

-- scan raw_message_vector depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE (conversation_id, message) > ($1, $2) ORDER BY conversation_id DESC, message DESC LIMIT $3;

-- scan raw_message_vector depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE (conversation_id, message) < ($1, $2) ORDER BY conversation_id, message LIMIT $3;

-- scan raw_message_vector depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE (conversation_id, message) < ($1, $2) ORDER BY conversation_id DESC, message DESC LIMIT $3;

-- scan raw_message_vector depth=1
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE conversation_id = $1 ORDER BY message LIMIT $2;

-- scan raw_message_vector depth=1 newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE conversation_id = $1 ORDER BY message DESC LIMIT $2;

-- scan raw_message_vector depth=1 after
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE conversation_id = $1 AND message > $2 ORDER BY message LIMIT $3;

-- scan raw_message_vector depth=1 after newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE conversation_id = $1 AND message > $2 ORDER BY message DESC LIMIT $3;

-- scan raw_message_vector depth=1 before
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE conversation_id = $1 AND message < $2 ORDER BY message LIMIT $3;

-- scan raw_message_vector depth=1 before newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, message FROM raw_message_vector WHERE conversation_id = $1 AND message < $2 ORDER BY message DESC LIMIT $3;

-- fetch_many memory_vector
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE (conversation_id, memory_id) IN (SELECT * FROM unnest($1::text[], $2::text[]));

-- fetch memory_vector
SELECT body, version, created_at, written_at, NULL, NULL FROM memory_vector WHERE conversation_id = $1 AND memory_id = $2;

-- count memory_vector
SELECT count(*), 0 FROM memory_vector;

-- scan memory_vector depth=0
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector ORDER BY conversation_id, memory_id LIMIT $1;

-- scan memory_vector depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector ORDER BY conversation_id DESC, memory_id DESC LIMIT $1;

-- scan memory_vector depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE (conversation_id, memory_id) > ($1, $2) ORDER BY conversation_id, memory_id LIMIT $3;

-- scan memory_vector depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE (conversation_id, memory_id) > ($1, $2) ORDER BY conversation_id DESC, memory_id DESC LIMIT $3;

-- scan memory_vector depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE (conversation_id, memory_id) < ($1, $2) ORDER BY conversation_id, memory_id LIMIT $3;

-- scan memory_vector depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE (conversation_id, memory_id) < ($1, $2) ORDER BY conversation_id DESC, memory_id DESC LIMIT $3;

-- scan memory_vector depth=1
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE conversation_id = $1 ORDER BY memory_id LIMIT $2;

-- scan memory_vector depth=1 newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE conversation_id = $1 ORDER BY memory_id DESC LIMIT $2;

-- scan memory_vector depth=1 after
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE conversation_id = $1 AND memory_id > $2 ORDER BY memory_id LIMIT $3;

-- scan memory_vector depth=1 after newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE conversation_id = $1 AND memory_id > $2 ORDER BY memory_id DESC LIMIT $3;

-- scan memory_vector depth=1 before
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE conversation_id = $1 AND memory_id < $2 ORDER BY memory_id LIMIT $3;

-- scan memory_vector depth=1 before newest
SELECT body, version, created_at, written_at, NULL, NULL, conversation_id, memory_id FROM memory_vector WHERE conversation_id = $1 AND memory_id < $2 ORDER BY memory_id DESC LIMIT $3;

-- fetch_many result_vector
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector WHERE (result_id) IN (SELECT * FROM unnest($1::text[]));

-- put_alone result_vector
WITH advance AS (UPDATE store SET commits = commits + 1, latest = greatest(latest, $3::bigint) RETURNING commits) INSERT INTO result_vector (result_id, body, version, created_at, written_at) SELECT $1::text, $2::bytea, commits, $3::bigint, $3::bigint FROM advance ON CONFLICT (result_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at RETURNING version;

-- fetch result_vector
SELECT body, version, created_at, written_at, NULL, NULL FROM result_vector WHERE result_id = $1;

-- count result_vector
SELECT count(*), 0 FROM result_vector;

-- scan result_vector depth=0
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector ORDER BY result_id LIMIT $1;

-- scan result_vector depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector ORDER BY result_id DESC LIMIT $1;

-- scan result_vector depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector WHERE result_id > $1 ORDER BY result_id LIMIT $2;

-- scan result_vector depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector WHERE result_id > $1 ORDER BY result_id DESC LIMIT $2;

-- scan result_vector depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector WHERE result_id < $1 ORDER BY result_id LIMIT $2;

-- scan result_vector depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, result_id FROM result_vector WHERE result_id < $1 ORDER BY result_id DESC LIMIT $2;

-- fetch_many item_vector
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE (collection_id, item_id) IN (SELECT * FROM unnest($1::text[], $2::text[]));

-- fetch item_vector
SELECT body, version, created_at, written_at, NULL, NULL FROM item_vector WHERE collection_id = $1 AND item_id = $2;

-- count item_vector
SELECT count(*), 0 FROM item_vector;

-- scan item_vector depth=0
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector ORDER BY collection_id, item_id LIMIT $1;

-- scan item_vector depth=0 newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector ORDER BY collection_id DESC, item_id DESC LIMIT $1;

-- scan item_vector depth=0 after
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE (collection_id, item_id) > ($1, $2) ORDER BY collection_id, item_id LIMIT $3;

-- scan item_vector depth=0 after newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE (collection_id, item_id) > ($1, $2) ORDER BY collection_id DESC, item_id DESC LIMIT $3;

-- scan item_vector depth=0 before
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE (collection_id, item_id) < ($1, $2) ORDER BY collection_id, item_id LIMIT $3;

-- scan item_vector depth=0 before newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE (collection_id, item_id) < ($1, $2) ORDER BY collection_id DESC, item_id DESC LIMIT $3;

-- scan item_vector depth=1
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE collection_id = $1 ORDER BY item_id LIMIT $2;

-- scan item_vector depth=1 newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE collection_id = $1 ORDER BY item_id DESC LIMIT $2;

-- scan item_vector depth=1 after
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE collection_id = $1 AND item_id > $2 ORDER BY item_id LIMIT $3;

-- scan item_vector depth=1 after newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE collection_id = $1 AND item_id > $2 ORDER BY item_id DESC LIMIT $3;

-- scan item_vector depth=1 before
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE collection_id = $1 AND item_id < $2 ORDER BY item_id LIMIT $3;

-- scan item_vector depth=1 before newest
SELECT body, version, created_at, written_at, NULL, NULL, collection_id, item_id FROM item_vector WHERE collection_id = $1 AND item_id < $2 ORDER BY item_id DESC LIMIT $3;

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

-- held collection
SELECT coalesce(sum(length(body)), 0) FROM collection;

-- sample collection
SELECT body FROM collection TABLESAMPLE SYSTEM ($1);

-- held item
SELECT coalesce(sum(length(body)), 0) FROM item;

-- sample item
SELECT body FROM item TABLESAMPLE SYSTEM ($1);

-- held raw_message_vector
SELECT coalesce(sum(length(body)), 0) FROM raw_message_vector;

-- sample raw_message_vector
SELECT body FROM raw_message_vector TABLESAMPLE SYSTEM ($1);

-- held memory_vector
SELECT coalesce(sum(length(body)), 0) FROM memory_vector;

-- sample memory_vector
SELECT body FROM memory_vector TABLESAMPLE SYSTEM ($1);

-- held result_vector
SELECT coalesce(sum(length(body)), 0) FROM result_vector;

-- sample result_vector
SELECT body FROM result_vector TABLESAMPLE SYSTEM ($1);

-- held item_vector
SELECT coalesce(sum(length(body)), 0) FROM item_vector;

-- sample item_vector
SELECT body FROM item_vector TABLESAMPLE SYSTEM ($1);

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

-- own many collection
INSERT INTO collection (collection_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT DO NOTHING;

-- put many collection
INSERT INTO collection (collection_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT (collection_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy many collection
INSERT INTO collection (collection_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT (collection_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- standing collection
SELECT version, expires_at, place FROM unnest($1::text[]) WITH ORDINALITY AS w(collection_id, number) LEFT JOIN LATERAL (SELECT CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, NULL::bigint AS expires_at, NULL AS place FROM collection t WHERE t.collection_id = w.collection_id LIMIT 1) AS stood ON true ORDER BY number;

-- repack many collection
UPDATE collection t SET body = w.body FROM unnest($1::text[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS w(collection_id, version, body, number) WHERE t.collection_id = w.collection_id AND t.version = w.version;

-- drop many collection depth=0
WITH gone AS (DELETE FROM collection t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many collection depth=1
WITH gone AS (DELETE FROM collection t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(collection_id, at, number) WHERE t.collection_id = w.collection_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- put many item
INSERT INTO item (collection_id, item_id, body, version, created_at, written_at, position) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) ON CONFLICT (collection_id, item_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy many item
INSERT INTO item (collection_id, item_id, body, version, created_at, written_at, position) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) ON CONFLICT (collection_id, item_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at, position = excluded.position;

-- standing item
SELECT version, expires_at, place, (SELECT t.item_id FROM item t WHERE t.collection_id = w.collection_id AND t.position = w.position), (SELECT coalesce(max(t.position) + 1, 0) FROM item t WHERE t.collection_id = w.collection_id) FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS w(collection_id, item_id, position, number) LEFT JOIN LATERAL (SELECT CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, NULL::bigint AS expires_at, position AS place FROM item t WHERE t.collection_id = w.collection_id AND t.item_id = w.item_id LIMIT 1) AS stood ON true ORDER BY number;

-- repack many item
UPDATE item t SET body = w.body FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) WITH ORDINALITY AS w(collection_id, item_id, version, body, number) WHERE t.collection_id = w.collection_id AND t.item_id = w.item_id AND t.version = w.version;

-- drop many item depth=0
WITH gone AS (DELETE FROM item t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many item depth=1
WITH gone AS (DELETE FROM item t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(collection_id, at, number) WHERE t.collection_id = w.collection_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many item depth=2
WITH gone AS (DELETE FROM item t USING unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS w(collection_id, item_id, at, number) WHERE t.collection_id = w.collection_id AND t.item_id = w.item_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- put many raw_message_vector
INSERT INTO raw_message_vector (conversation_id, message, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[]) ON CONFLICT (conversation_id, message) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy many raw_message_vector
INSERT INTO raw_message_vector (conversation_id, message, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[]) ON CONFLICT (conversation_id, message) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- standing raw_message_vector
SELECT version, expires_at, place FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w(conversation_id, message, number) LEFT JOIN LATERAL (SELECT CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, NULL::bigint AS expires_at, NULL AS place FROM raw_message_vector t WHERE t.conversation_id = w.conversation_id AND t.message = w.message LIMIT 1) AS stood ON true ORDER BY number;

-- repack many raw_message_vector
UPDATE raw_message_vector t SET body = w.body FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) WITH ORDINALITY AS w(conversation_id, message, version, body, number) WHERE t.conversation_id = w.conversation_id AND t.message = w.message AND t.version = w.version;

-- drop many raw_message_vector depth=0
WITH gone AS (DELETE FROM raw_message_vector t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many raw_message_vector depth=1
WITH gone AS (DELETE FROM raw_message_vector t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(conversation_id, at, number) WHERE t.conversation_id = w.conversation_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many raw_message_vector depth=2
WITH gone AS (DELETE FROM raw_message_vector t USING unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS w(conversation_id, message, at, number) WHERE t.conversation_id = w.conversation_id AND t.message = w.message RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- put many memory_vector
INSERT INTO memory_vector (conversation_id, memory_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[]) ON CONFLICT (conversation_id, memory_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy many memory_vector
INSERT INTO memory_vector (conversation_id, memory_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[]) ON CONFLICT (conversation_id, memory_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- standing memory_vector
SELECT version, expires_at, place FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w(conversation_id, memory_id, number) LEFT JOIN LATERAL (SELECT CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, NULL::bigint AS expires_at, NULL AS place FROM memory_vector t WHERE t.conversation_id = w.conversation_id AND t.memory_id = w.memory_id LIMIT 1) AS stood ON true ORDER BY number;

-- repack many memory_vector
UPDATE memory_vector t SET body = w.body FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) WITH ORDINALITY AS w(conversation_id, memory_id, version, body, number) WHERE t.conversation_id = w.conversation_id AND t.memory_id = w.memory_id AND t.version = w.version;

-- drop many memory_vector depth=0
WITH gone AS (DELETE FROM memory_vector t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many memory_vector depth=1
WITH gone AS (DELETE FROM memory_vector t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(conversation_id, at, number) WHERE t.conversation_id = w.conversation_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many memory_vector depth=2
WITH gone AS (DELETE FROM memory_vector t USING unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS w(conversation_id, memory_id, at, number) WHERE t.conversation_id = w.conversation_id AND t.memory_id = w.memory_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- put many result_vector
INSERT INTO result_vector (result_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT (result_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy many result_vector
INSERT INTO result_vector (result_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT (result_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- standing result_vector
SELECT version, expires_at, place FROM unnest($1::text[]) WITH ORDINALITY AS w(result_id, number) LEFT JOIN LATERAL (SELECT CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, NULL::bigint AS expires_at, NULL AS place FROM result_vector t WHERE t.result_id = w.result_id LIMIT 1) AS stood ON true ORDER BY number;

-- repack many result_vector
UPDATE result_vector t SET body = w.body FROM unnest($1::text[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS w(result_id, version, body, number) WHERE t.result_id = w.result_id AND t.version = w.version;

-- drop many result_vector depth=0
WITH gone AS (DELETE FROM result_vector t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many result_vector depth=1
WITH gone AS (DELETE FROM result_vector t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(result_id, at, number) WHERE t.result_id = w.result_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- put many item_vector
INSERT INTO item_vector (collection_id, item_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[]) ON CONFLICT (collection_id, item_id) DO UPDATE SET body = excluded.body, version = excluded.version, written_at = excluded.written_at;

-- copy many item_vector
INSERT INTO item_vector (collection_id, item_id, body, version, created_at, written_at) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[]) ON CONFLICT (collection_id, item_id) DO UPDATE SET body = excluded.body, version = excluded.version, created_at = excluded.created_at, written_at = excluded.written_at;

-- standing item_vector
SELECT version, expires_at, place FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w(collection_id, item_id, number) LEFT JOIN LATERAL (SELECT CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, NULL::bigint AS expires_at, NULL AS place FROM item_vector t WHERE t.collection_id = w.collection_id AND t.item_id = w.item_id LIMIT 1) AS stood ON true ORDER BY number;

-- repack many item_vector
UPDATE item_vector t SET body = w.body FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) WITH ORDINALITY AS w(collection_id, item_id, version, body, number) WHERE t.collection_id = w.collection_id AND t.item_id = w.item_id AND t.version = w.version;

-- drop many item_vector depth=0
WITH gone AS (DELETE FROM item_vector t USING unnest($1::bigint[]) WITH ORDINALITY AS w(at, number) RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many item_vector depth=1
WITH gone AS (DELETE FROM item_vector t USING unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(collection_id, at, number) WHERE t.collection_id = w.collection_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- drop many item_vector depth=2
WITH gone AS (DELETE FROM item_vector t USING unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS w(collection_id, item_id, at, number) WHERE t.collection_id = w.collection_id AND t.item_id = w.item_id RETURNING number, true AS live) SELECT number, count(*) FROM gone WHERE live GROUP BY number;

-- post
INSERT INTO posting (family, outer_key, inner_key, position, part, version, print, words) SELECT family, outer_key, inner_key, position, part, version, print, to_tsvector('words'::regconfig, words) FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::bytea[], $8::text[]) AS w(family, outer_key, inner_key, position, part, version, print, words) ON CONFLICT (family, outer_key, inner_key) DO UPDATE SET position = excluded.position, part = excluded.part, version = excluded.version, print = excluded.print, words = excluded.words;

-- unpost depth=0
DELETE FROM posting WHERE family = ANY($1::text[]);

-- unpost depth=1
DELETE FROM posting AS t USING unnest($2::text[]) AS w(outer_key) WHERE t.family = ANY($1::text[]) AND t.outer_key = w.outer_key;

-- unpost depth=2
DELETE FROM posting AS t USING unnest($2::text[], $3::text[]) AS w(outer_key, inner_key) WHERE t.family = ANY($1::text[]) AND t.outer_key = w.outer_key AND t.inner_key = w.inner_key;

-- not posted raw_message
SELECT r.conversation_id, r.position, r.position, r.version, r.body FROM raw_message AS r WHERE (r.conversation_id, r.position) > ($1, $2) AND NOT EXISTS (SELECT 1 FROM posting AS p WHERE p.family = 'raw_message' AND p.outer_key = r.conversation_id AND p.inner_key = r.position::text COLLATE "C" AND p.version = r.version) ORDER BY r.conversation_id, r.position;

-- posted but gone raw_message
SELECT p.outer_key, p.inner_key FROM posting AS p WHERE p.family = 'raw_message' AND NOT EXISTS (SELECT 1 FROM raw_message AS r WHERE r.conversation_id = p.outer_key AND r.position::text COLLATE "C" = p.inner_key) ORDER BY p.outer_key, p.inner_key;

-- not posted memory
SELECT r.conversation_id, r.memory_id, r.position, r.version, r.body FROM memory AS r WHERE (r.conversation_id, r.memory_id) > ($1, $2) AND NOT EXISTS (SELECT 1 FROM posting AS p WHERE p.family = 'memory' AND p.outer_key = r.conversation_id AND p.inner_key = r.memory_id AND p.version = r.version) ORDER BY r.conversation_id, r.memory_id;

-- posted but gone memory
SELECT p.outer_key, p.inner_key FROM posting AS p WHERE p.family = 'memory' AND NOT EXISTS (SELECT 1 FROM memory AS r WHERE r.conversation_id = p.outer_key AND r.memory_id = p.inner_key) ORDER BY p.outer_key, p.inner_key;

-- not posted result
SELECT r.result_id, r.position, r.version, r.body FROM result AS r WHERE (r.result_id) > ($1) AND NOT EXISTS (SELECT 1 FROM posting AS p WHERE p.family = 'result' AND p.outer_key = '' AND p.inner_key = r.result_id AND p.version = r.version) ORDER BY r.result_id;

-- posted but gone result
SELECT p.outer_key, p.inner_key FROM posting AS p WHERE p.family = 'result' AND NOT EXISTS (SELECT 1 FROM result AS r WHERE '' = p.outer_key AND r.result_id = p.inner_key) ORDER BY p.outer_key, p.inner_key;

-- not posted item
SELECT r.collection_id, r.item_id, r.position, r.version, r.body FROM item AS r WHERE (r.collection_id, r.item_id) > ($1, $2) AND NOT EXISTS (SELECT 1 FROM posting AS p WHERE p.family = 'item' AND p.outer_key = r.collection_id AND p.inner_key = r.item_id AND p.version = r.version) ORDER BY r.collection_id, r.item_id;

-- posted but gone item
SELECT p.outer_key, p.inner_key FROM posting AS p WHERE p.family = 'item' AND NOT EXISTS (SELECT 1 FROM item AS r WHERE r.collection_id = p.outer_key AND r.item_id = p.inner_key) ORDER BY p.outer_key, p.inner_key;

-- search for one term
WITH found AS MATERIALIZED (SELECT family, outer_key, inner_key, position, CASE WHEN words @@ to_tsquery('words'::regconfig, $6) THEN ts_rank(words, to_tsquery('words'::regconfig, $6), 1) ELSE 0 END AS r1 FROM posting WHERE words @@ to_tsquery('words'::regconfig, $1) AND coalesce(NOT words @@ to_tsquery('words'::regconfig, $2), true) AND family = ANY($3::text[])), counted AS (SELECT count(*) AS matches, count(*) FILTER (WHERE r1 > 0) AS c1 FROM found) SELECT family, outer_key, inner_key, r1 * ln(1 + matches::float8 / greatest(c1, 1)) AS score FROM found, counted ORDER BY score DESC, family, outer_key, position, inner_key LIMIT $4 OFFSET $5;

-- search for two terms in one namespace
WITH found AS MATERIALIZED (SELECT family, outer_key, inner_key, position, CASE WHEN words @@ to_tsquery('words'::regconfig, $6) THEN ts_rank(words, to_tsquery('words'::regconfig, $6), 1) ELSE 0 END AS r1, CASE WHEN words @@ to_tsquery('words'::regconfig, $7) THEN ts_rank(words, to_tsquery('words'::regconfig, $7), 1) ELSE 0 END AS r2 FROM posting WHERE words @@ to_tsquery('words'::regconfig, $1) AND coalesce(NOT words @@ to_tsquery('words'::regconfig, $2), true) AND family = ANY($3::text[]) AND outer_key = $8), counted AS (SELECT count(*) AS matches, count(*) FILTER (WHERE r1 > 0) AS c1, count(*) FILTER (WHERE r2 > 0) AS c2 FROM found) SELECT family, outer_key, inner_key, r1 * ln(1 + matches::float8 / greatest(c1, 1)) + r2 * ln(1 + matches::float8 / greatest(c2, 1)) AS score FROM found, counted ORDER BY score DESC, family, outer_key, position, inner_key LIMIT $4 OFFSET $5;

-- search for one term in a part of a collection
WITH found AS MATERIALIZED (SELECT family, outer_key, inner_key, position, CASE WHEN words @@ to_tsquery('words'::regconfig, $6) THEN ts_rank(words, to_tsquery('words'::regconfig, $6), 1) ELSE 0 END AS r1 FROM posting WHERE words @@ to_tsquery('words'::regconfig, $1) AND coalesce(NOT words @@ to_tsquery('words'::regconfig, $2), true) AND family = ANY($3::text[]) AND outer_key = $7 AND part = $8), counted AS (SELECT count(*) AS matches, count(*) FILTER (WHERE r1 > 0) AS c1 FROM found) SELECT family, outer_key, inner_key, r1 * ln(1 + matches::float8 / greatest(c1, 1)) AS score FROM found, counted ORDER BY score DESC, family, outer_key, position, inner_key LIMIT $4 OFFSET $5;

-- table of vectors 1
CREATE TABLE IF NOT EXISTS embedding (family TEXT COLLATE "C" NOT NULL, outer_key TEXT COLLATE "C" NOT NULL, inner_key TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, space BIGINT, made_of BYTEA, numbers "public".vector, CONSTRAINT pk_embedding PRIMARY KEY (family, outer_key, inner_key));

-- table of vectors 2
ALTER TABLE embedding ADD COLUMN IF NOT EXISTS numbers "public".vector;

-- embed
INSERT INTO embedding (family, outer_key, inner_key, version, space, made_of, numbers) SELECT family, outer_key, inner_key, version, space, made_of, numbers::"public".vector FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[], $7::text[]) AS w(family, outer_key, inner_key, version, space, made_of, numbers) ON CONFLICT (family, outer_key, inner_key) DO UPDATE SET version = excluded.version, space = excluded.space, made_of = excluded.made_of, numbers = excluded.numbers;

-- remove vectors depth=0
DELETE FROM embedding WHERE family = ANY($1::text[]);

-- remove vectors depth=1
DELETE FROM embedding AS t USING unnest($2::text[]) AS w(outer_key) WHERE t.family = ANY($1::text[]) AND t.outer_key = w.outer_key;

-- remove vectors depth=2
DELETE FROM embedding AS t USING unnest($2::text[], $3::text[]) AS w(outer_key, inner_key) WHERE t.family = ANY($1::text[]) AND t.outer_key = w.outer_key AND t.inner_key = w.inner_key;

-- without numbers raw_message_vector
SELECT r.conversation_id, r.message, 0, r.version, r.body FROM raw_message_vector AS r WHERE (r.conversation_id, r.message) > ($1, $2) AND NOT EXISTS (SELECT 1 FROM embedding AS p WHERE p.family = 'raw_message' AND p.outer_key = r.conversation_id AND p.inner_key = r.message AND p.version = r.version) ORDER BY r.conversation_id, r.message;

-- numbers but gone raw_message_vector
SELECT p.outer_key, p.inner_key FROM embedding AS p WHERE p.family = 'raw_message' AND NOT EXISTS (SELECT 1 FROM raw_message_vector AS r WHERE r.conversation_id = p.outer_key AND r.message = p.inner_key) ORDER BY p.outer_key, p.inner_key;

-- scan raw_message_vector
SELECT p.outer_key, p.inner_key, r.body, p.print FROM raw_message_vector AS r JOIN posting AS p ON p.family = 'raw_message' AND p.outer_key = r.conversation_id AND p.inner_key = r.message;

-- scan raw_message_vector in one namespace
SELECT p.outer_key, p.inner_key, r.body, p.print FROM raw_message_vector AS r JOIN posting AS p ON p.family = 'raw_message' AND p.outer_key = r.conversation_id AND p.inner_key = r.message WHERE r.conversation_id = $1;

-- without numbers memory_vector
SELECT r.conversation_id, r.memory_id, 0, r.version, r.body FROM memory_vector AS r WHERE (r.conversation_id, r.memory_id) > ($1, $2) AND NOT EXISTS (SELECT 1 FROM embedding AS p WHERE p.family = 'memory' AND p.outer_key = r.conversation_id AND p.inner_key = r.memory_id AND p.version = r.version) ORDER BY r.conversation_id, r.memory_id;

-- numbers but gone memory_vector
SELECT p.outer_key, p.inner_key FROM embedding AS p WHERE p.family = 'memory' AND NOT EXISTS (SELECT 1 FROM memory_vector AS r WHERE r.conversation_id = p.outer_key AND r.memory_id = p.inner_key) ORDER BY p.outer_key, p.inner_key;

-- scan memory_vector
SELECT p.outer_key, p.inner_key, r.body, p.print FROM memory_vector AS r JOIN posting AS p ON p.family = 'memory' AND p.outer_key = r.conversation_id AND p.inner_key = r.memory_id;

-- scan memory_vector in one namespace
SELECT p.outer_key, p.inner_key, r.body, p.print FROM memory_vector AS r JOIN posting AS p ON p.family = 'memory' AND p.outer_key = r.conversation_id AND p.inner_key = r.memory_id WHERE r.conversation_id = $1;

-- without numbers result_vector
SELECT r.result_id, 0, r.version, r.body FROM result_vector AS r WHERE (r.result_id) > ($1) AND NOT EXISTS (SELECT 1 FROM embedding AS p WHERE p.family = 'result' AND p.outer_key = '' AND p.inner_key = r.result_id AND p.version = r.version) ORDER BY r.result_id;

-- numbers but gone result_vector
SELECT p.outer_key, p.inner_key FROM embedding AS p WHERE p.family = 'result' AND NOT EXISTS (SELECT 1 FROM result_vector AS r WHERE '' = p.outer_key AND r.result_id = p.inner_key) ORDER BY p.outer_key, p.inner_key;

-- scan result_vector
SELECT p.outer_key, p.inner_key, r.body, p.print FROM result_vector AS r JOIN posting AS p ON p.family = 'result' AND p.outer_key = '' AND p.inner_key = r.result_id;

-- without numbers item_vector
SELECT r.collection_id, r.item_id, 0, r.version, r.body FROM item_vector AS r WHERE (r.collection_id, r.item_id) > ($1, $2) AND NOT EXISTS (SELECT 1 FROM embedding AS p WHERE p.family = 'item' AND p.outer_key = r.collection_id AND p.inner_key = r.item_id AND p.version = r.version) ORDER BY r.collection_id, r.item_id;

-- numbers but gone item_vector
SELECT p.outer_key, p.inner_key FROM embedding AS p WHERE p.family = 'item' AND NOT EXISTS (SELECT 1 FROM item_vector AS r WHERE r.collection_id = p.outer_key AND r.item_id = p.inner_key) ORDER BY p.outer_key, p.inner_key;

-- scan item_vector
SELECT p.outer_key, p.inner_key, r.body, p.print FROM item_vector AS r JOIN posting AS p ON p.family = 'item' AND p.outer_key = r.collection_id AND p.inner_key = r.item_id;

-- scan item_vector in one namespace
SELECT p.outer_key, p.inner_key, r.body, p.print FROM item_vector AS r JOIN posting AS p ON p.family = 'item' AND p.outer_key = r.collection_id AND p.inner_key = r.item_id WHERE r.collection_id = $1;

-- scan item_vector in a part
SELECT p.outer_key, p.inner_key, r.body, p.print FROM item_vector AS r JOIN posting AS p ON p.family = 'item' AND p.outer_key = r.collection_id AND p.inner_key = r.item_id WHERE r.collection_id = $1 AND p.part = $2;

-- near
SELECT family, outer_key, inner_key, distance, EXISTS (SELECT 1 FROM posting AS p WHERE p.family = e.family AND p.outer_key = e.outer_key AND p.inner_key = e.inner_key AND p.print = e.made_of) AS there FROM (SELECT e.family, e.outer_key, e.inner_key, e.made_of, e.numbers OPERATOR("public".<#>) $1::text::"public".vector AS distance FROM embedding AS e WHERE e.space = $4 AND e.family = ANY($2::text[]) ORDER BY distance, e.family, e.outer_key, e.inner_key LIMIT $3) AS e ORDER BY distance, family, outer_key, inner_key;

-- near in one namespace
SELECT family, outer_key, inner_key, distance, EXISTS (SELECT 1 FROM posting AS p WHERE p.family = e.family AND p.outer_key = e.outer_key AND p.inner_key = e.inner_key AND p.print = e.made_of) AS there FROM (SELECT e.family, e.outer_key, e.inner_key, e.made_of, e.numbers OPERATOR("public".<#>) $1::text::"public".vector AS distance FROM embedding AS e WHERE e.space = $4 AND e.family = ANY($2::text[]) AND e.outer_key = $5 ORDER BY distance, e.family, e.outer_key, e.inner_key LIMIT $3) AS e ORDER BY distance, family, outer_key, inner_key;

-- near in a part of a collection
SELECT family, outer_key, inner_key, distance, EXISTS (SELECT 1 FROM posting AS p WHERE p.family = e.family AND p.outer_key = e.outer_key AND p.inner_key = e.inner_key AND p.print = e.made_of) AS there FROM (SELECT e.family, e.outer_key, e.inner_key, e.made_of, e.numbers OPERATOR("public".<#>) $1::text::"public".vector AS distance FROM embedding AS e JOIN posting AS p ON p.family = e.family AND p.outer_key = e.outer_key AND p.inner_key = e.inner_key AND p.part = $6 WHERE e.space = $4 AND e.family = ANY($2::text[]) AND e.outer_key = $5 ORDER BY distance, e.family, e.outer_key, e.inner_key LIMIT $3) AS e ORDER BY distance, family, outer_key, inner_key;

-- near by distance
SELECT family, outer_key, inner_key, distance, EXISTS (SELECT 1 FROM posting AS p WHERE p.family = e.family AND p.outer_key = e.outer_key AND p.inner_key = e.inner_key AND p.print = e.made_of) AS there FROM (SELECT e.family, e.outer_key, e.inner_key, e.made_of, e.numbers OPERATOR("public".<->) $1::text::"public".vector AS distance FROM embedding AS e WHERE e.space = $4 AND e.family = ANY($2::text[]) ORDER BY distance, e.family, e.outer_key, e.inner_key LIMIT $3) AS e ORDER BY distance, family, outer_key, inner_key;

-- near through an index
SELECT family, outer_key, inner_key, distance, EXISTS (SELECT 1 FROM posting AS p WHERE p.family = e.family AND p.outer_key = e.outer_key AND p.inner_key = e.inner_key AND p.print = e.made_of) AS there FROM (SELECT e.family, e.outer_key, e.inner_key, e.made_of, (e.numbers::"public".vector(3)) OPERATOR("public".<#>) $1::text::"public".vector AS distance FROM embedding AS e WHERE e.space = -1626956115105687740 AND e.family = ANY($2::text[]) ORDER BY distance, e.family, e.outer_key, e.inner_key LIMIT $3) AS e ORDER BY distance, family, outer_key, inner_key;

-- near through an index in one namespace
SELECT family, outer_key, inner_key, distance, EXISTS (SELECT 1 FROM posting AS p WHERE p.family = e.family AND p.outer_key = e.outer_key AND p.inner_key = e.inner_key AND p.print = e.made_of) AS there FROM (SELECT e.family, e.outer_key, e.inner_key, e.made_of, (e.numbers::"public".vector(3)) OPERATOR("public".<#>) $1::text::"public".vector AS distance FROM embedding AS e WHERE e.space = -1626956115105687740 AND e.family = ANY($2::text[]) AND e.outer_key = $4 ORDER BY distance, e.family, e.outer_key, e.inner_key LIMIT $3) AS e ORDER BY distance, family, outer_key, inner_key;

-- index of vectors
CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_embedding_ip_e96be40885f9d744 ON embedding USING hnsw ((numbers::"public".vector(3)) "public".vector_ip_ops) WHERE space = -1626956115105687740;

-- sizes of spaces
SELECT space FROM embedding WHERE space IS NOT NULL GROUP BY space HAVING count(*) > $1;
