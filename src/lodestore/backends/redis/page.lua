-- The rows, keys or stored bodies of a page, in order, as one moment saw them.
local what, family, outer, wide = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local after_outer, after, before_outer, before = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local left = ARGV[9] == '' and math.huge or tonumber(ARGV[9])
local newest, moment, partial = ARGV[10] == '1', tonumber(ARGV[11]), ARGV[12] == '1'
local traits, out = FAMILIES[family], {}
local filtered = (moment and traits.expires) or (not partial and #traits.owned > 0)

local function range(key, low, high, by, from)
  if newest then low, high = high, low end
  local size = math.min(left, CHUNK)
  if newest then return call('ZRANGE', key, low, high, by, 'REV', 'LIMIT', from, size) end
  return call('ZRANGE', key, low, high, by, 'LIMIT', from, size)
end

local function wanted(row)
  if #row == HEAD and not partial then return false end
  local ends = number(row, EXPIRES)
  return not moment or ends < 0 or ends > moment
end

local function give(outer, inner, row)
  if wide and what ~= 'bodies' then out[#out + 1] = outer end
  if what ~= 'bodies' then out[#out + 1] = inner end
  if what ~= 'keys' then out[#out + 1] = row end
  left = left - 1
end

local function give_all(outer, inners)
  if what == 'keys' and not filtered then
    for _, inner in ipairs(inners) do give(outer, inner) end
    return
  end
  local rows = call('HMGET', at('r', family, outer), unpack(inners))
  for n, inner in ipairs(inners) do
    if not rows[n] then error({err = 'WRONGTYPE ' .. family .. ' is listed but not there'}) end
    if wanted(rows[n]) then give(outer, inner, rows[n]) end
  end
end

local function walk(outer, low, high)
  local by = traits.placed and 'BYSCORE' or 'BYLEX'
  low = low ~= '' and '(' .. low or (traits.placed and '-inf' or '-')
  high = high ~= '' and '(' .. high or (traits.placed and '+inf' or '+')
  local from = 0
  while left > 0 do
    local inners = range(at('o', family, outer), low, high, by, from)
    if #inners == 0 then return end
    from = from + #inners
    give_all(outer, inners)
  end
end

local function walk_all()
  local low = after_outer ~= '' and '[' .. after_outer or '-'
  local high = before_outer ~= '' and '[' .. before_outer or '+'
  local from = 0
  while left > 0 do
    local outers = range(at('k', family), low, high, 'BYLEX', from)
    if #outers == 0 then return end
    from = from + #outers
    for _, each in ipairs(outers) do
      walk(each, each == after_outer and after or '', each == before_outer and before or '')
    end
  end
end

if wide then walk_all() else walk(outer, after, before) end
return out
