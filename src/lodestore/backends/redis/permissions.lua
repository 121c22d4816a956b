-- Every command of a batch, tried on a key that is never there. A user who may do the one and not the other would be
-- refused half-way, when the batch is half written: the answer is what the server says against it.
local key, refusals = KEYS[2], {}
local tries = {
  {'TYPE', key}, {'EXISTS', key}, {'HGET', key, 'f'}, {'HMGET', key, 'f'}, {'HEXISTS', key, 'f'}, {'ZCARD', key},
  {'ZCOUNT', key, 0, 1}, {'ZRANGE', key, 0, 0}, {'HSETNX', key, 'f', 0}, {'HSET', key, 'f', 0},
  {'HINCRBY', key, 'f', 1}, {'HDEL', key, 'f'}, {'ZADD', key, 0, 'm'}, {'ZREM', key, 'm'}, {'UNLINK', key},
}
for _, try in ipairs(tries) do
  local answer = redis.pcall(unpack(try))
  if type(answer) == 'table' and answer.err then refusals[#refusals + 1] = answer.err end
end
return refusals
