-- All of a batch or none: a script does not roll back, so whatever can be refused is found before the first write.
-- ARGV: "1" where a write expects a version, then the writes one after the other; neighbours that copy into one
-- place are one run. Answer: {1, results as 64-bit numbers in one string}, or {0, index, version found} for a conflict.

local cursor = 1
local function take() cursor = cursor + 1; return ARGV[cursor] end
local function count() return tonumber(take()) end

local function read_put(op)
  op.outer, op.inner, op.body, op.time, op.expires, op.expect = take(), take(), take(), count(), count(), take()
end

local function read_append(op)
  op.outer, op.time, op.bodies = take(), count(), {}
  for n = 1, count() do op.bodies[n] = take() end
  op.vectors = {}
  for n = 1, count() do op.vectors[n] = take() end
end

local function read_copies(op)
  op.outer, op.from, op.rows = take(), cursor, count()
  cursor = cursor + 2 * op.rows
end
local function each_copy(op)
  local n = 0
  return function()
    n = n + 1
    if n <= op.rows then return ARGV[op.from + 2 * n], ARGV[op.from + 2 * n + 1] end
  end
end

local function read_drop(op)
  op.prefix = {}
  for n = 1, count() do op.prefix[n] = take() end
  op.time = count()
end

local function read_sweep(op) op.now, op.limit = count(), count() end

local readers = {P = read_put, A = read_append, C = read_copies, D = read_drop, S = read_sweep}
local ops, grows, writes = {}, #ARGV == 1, 0
while cursor < #ARGV do
  local op = {kind = take(), family = take()}
  readers[op.kind](op)
  op.index = writes
  writes = writes + (op.rows or 1)
  ops[#ops + 1] = op
  grows = grows or op.kind == 'P' or op.kind == 'A' or op.kind == 'C'
end

-- Types: a key of another kind is damage, and must be met before anything is written.
local known = {}
local function must_be(kind, key)
  if known[key] then return end
  local found = call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then error({err = 'WRONGTYPE ' .. key .. ' is no ' .. kind}) end
  known[key] = true
end

local function check_outer(family, outer)
  must_be('hash', at('r', family, outer))
  must_be('zset', at('o', family, outer))
  if FAMILIES[family].expires then must_be('zset', at('x', family, outer)) end
end

local function check_family(family, outer)
  if FAMILIES[family].depth == 2 then
    must_be('zset', at('k', family))
    must_be('hash', at('s', family))
  end
  if outer then
    check_outer(family, outer)
  else
    for _, each in ipairs(call('ZRANGE', at('k', family), 0, -1)) do check_outer(family, each) end
  end
end

local function check_drop(family, prefix)
  check_family(family, FAMILIES[family].depth == 1 and '' or prefix[1])
  for _, owned in ipairs(FAMILIES[family].owned) do check_drop(owned, prefix) end
end

-- Reading it is the check of the counters.
local now = call('HMGET', meta, 'commits', 'latest')
for _, op in ipairs(ops) do
  if op.kind == 'D' then
    check_drop(op.family, op.prefix)
  elseif op.kind == 'S' then
    for family, traits in pairs(FAMILIES) do if traits.expires then check_family(family, '') end end
  else
    check_family(op.family, op.outer)
    if op.vectors and #op.vectors > 0 then check_family(FAMILIES[op.family].vectors, op.outer) end
    if FAMILIES[op.family].owner then check_family(FAMILIES[op.family].owner, '') end
  end
end

local version, latest = tonumber(now[1] or 0) + 1, tonumber(now[2] or 0)

-- Expectations: the batch played through on versions alone.
local seen, gone = {}, {}
local function seen_in(family, outer)
  seen[family] = seen[family] or {}
  seen[family][outer] = seen[family][outer] or {}
  return seen[family][outer]
end

local function found(op)
  local state = seen_in(op.family, op.outer)[op.inner]
  if state == nil and not gone[op.family] and not gone[op.family .. '\0' .. op.outer] then
    local row = call('HGET', at('r', op.family, op.outer), op.inner)
    state = row and #row > HEAD and {number(row, VERSION), number(row, EXPIRES)}
  end
  if not state or (state[2] >= 0 and state[2] <= op.time) then return 0 end
  return state[1]
end

local function forget(family, prefix)
  local depth = FAMILIES[family].depth
  if #prefix == depth then
    seen_in(family, depth == 2 and prefix[1] or '')[prefix[depth]] = false
  elseif #prefix == 1 then
    seen_in(family, '')
    seen[family][prefix[1]], gone[family .. '\0' .. prefix[1]] = nil, true
  else
    seen[family], gone[family] = nil, true
  end
  for _, owned in ipairs(FAMILIES[family].owned) do forget(owned, prefix) end
end

local function refusal()
  local top = version
  for _, op in ipairs(ops) do
    if op.kind == 'P' then
      if op.expect ~= '' then
        local there = found(op)
        if there ~= tonumber(op.expect) then return {0, op.index, there} end
      end
      seen_in(op.family, op.outer)[op.inner] = {top, op.expires}
    elseif op.kind == 'C' then
      for inner, row in each_copy(op) do
        top = math.max(top, number(row, VERSION))
        local own = number(row, VERSION)
        seen_in(op.family, op.outer)[inner] = #row > HEAD and {own > 0 and own or top, number(row, EXPIRES)}
      end
    elseif op.kind == 'D' then
      forget(op.family, op.prefix)
    end
  end
end

if ARGV[1] == '1' then
  local refused = refusal()
  if refused then return refused end
end

