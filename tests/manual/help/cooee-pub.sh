# A host that is enrolled, with its node, and one more model.
. "$help/fleet.sh"
cooee-sub --serve --no-mdns --listen /ip4/127.0.0.1/tcp/0 &
ready "$state"
echo "$agent" | agentid-hash | age-enrol | cooee-pub --wait answered
machine worker a0:36:9f:00:00:01
hwprobe() { command hwprobe --root "$tree" --model llama3.2 "$@"; }
uptime() { echo '12:00:00 up 9 days'; }
