-- For each family named in ARGV after the moment: rows, rows without body, bytes, rows that have expired by then.
local out = {}
for n = 2, #ARGV do
  local family = ARGV[n]
  local counts = call('HMGET', meta, 'n.' .. family, 'p.' .. family, 'b.' .. family)
  for field = 1, 3 do out[#out + 1] = tonumber(counts[field] or 0) end
  out[#out + 1] = FAMILIES[family].expires and call('ZCOUNT', at('x', family, ''), '-inf', ARGV[1]) or 0
end
return out
