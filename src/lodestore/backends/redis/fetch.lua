-- The rows under whole keys of a family in the order asked: ARGV is the family, then outer and inner keys in turn.
local out = {}
for n = 2, #ARGV, 2 do out[#out + 1] = call('HGET', at('r', ARGV[1], ARGV[n]), ARGV[n + 1]) end
return out
