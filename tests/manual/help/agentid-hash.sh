# A machine with one model.
machine Host 00:1A:2B:3C:4D:5E
hwprobe() { command hwprobe --root "$tree" --model llama3:8b "$@"; }
