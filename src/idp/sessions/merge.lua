-- What is told is joined with what is there, as `Life::joined` does: order never matters.
-- KEYS: the store's name, then for each part its hash of now, and those of before. ARGV: the name, how many hashes a part
-- has, when that of now expires; then for each part how many sessions follow, and of each its name and its life.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local function read(text)
  local v = {string.match(text, '^(%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+)$')}
  for i = 1, #v do v[i] = tonumber(v[i]) end
  return #v == 6 and v or nil
end
local function join(n, o) -- 1 last, 2 began, 3 signed in, 4 broken, 5 silence, 6 earlier
  if not o then return n end
  if o[3] > n[3] then n, o = o, n end
  n[1] = math.max(n[1], o[1])
  n[6] = math.max(n[6], o[6])
  if n[3] ~= o[3] then
    n[6] = math.max(n[6], o[5])
  else
    n[2] = math.min(n[2], o[2])
    if o[5] > n[5] or (o[5] == n[5] and o[4] > n[4]) then n[5], n[4] = o[5], o[4] end
  end
  return n
end
local hashes, at = tonumber(ARGV[2]), 4
for part = 2, #KEYS, hashes do
  local names, lives, put = {}, {}, {}
  for i = 1, tonumber(ARGV[at]) do
    names[i], lives[i] = ARGV[at + 1], read(ARGV[at + 2])
    at = at + 2
  end
  at = at + 1
  for hash = part, part + hashes - 1 do
    for i, text in ipairs(redis.call('HMGET', KEYS[hash], unpack(names))) do
      lives[i] = join(lives[i], text and read(text))
    end
  end
  for i, n in ipairs(lives) do
    put[2 * i - 1] = names[i]
    put[2 * i] = string.format('%.0f %.0f %.0f %.0f %.0f %.0f', n[1], n[2], n[3], n[4], n[5], n[6])
  end
  if redis.call('HSET', KEYS[part], unpack(put)) == #lives then redis.call('PEXPIREAT', KEYS[part], ARGV[3], 'NX') end
end
return 1
