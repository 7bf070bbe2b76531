# What agentid-encode does for a version 2 token, in jq: the peer of scripts/bench.
def symbols: "0123456789ABCDEFGHJKMNPQRSTVWXYZ" | explode;
# n XOR 0x19 for each n below 64, since jq 1.6 has no bits.
def xored: [range(64) | reduce (16, 8, 1) as $bit (.; if (. / $bit | floor) % 2 == 1 then . - $bit else . + $bit end)];
symbols as $symbols | xored as $xored
| (((2 * 1024 + .host_id) * 16 + .gpu_slot) * 4) as $prefix
| (reduce range(18; -1; -1) as $place (0;
    (. * 2 % 64) as $next
    | if (. / 32 | floor) != (($prefix / pow(2; $place) | floor) % 2) then $xored[$next] else $next end)) as $check
| ($prefix * 64 + $check) as $bits
| .token = ([range(4; -1; -1) as $n | $symbols[($bits / pow(32; $n) | floor) % 32]] | implode)
