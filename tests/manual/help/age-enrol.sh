# A host that may join, and whose machine has one model; a secret to seal.
. "$help/fleet.sh"
machine host 00:1a:2b:3c:4d:5e
hwprobe() { command hwprobe --root "$tree" --model llama3:8b "$@"; }
age-keygen -o identity
echo 'for one reader' >secret
