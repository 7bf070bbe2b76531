# Read before each surrounding: what they have in common.
state=$HOME/.local/state/cooee
tree=$HOME/.tree

# Waits for the node of a folder.
ready() { until test -S "$1/node.sock"; do sleep 0.02; done; }

# A machine with nothing in it: its host name and its card's address.
machine() {
  mkdir -p "$tree/proc/sys/kernel" "$tree/sys/bus/pci/devices" "$tree/sys/class/net" "$tree/etc"
  echo "$1" >"$tree/proc/sys/kernel/hostname"
  echo "6.1.0-31" >"$tree/proc/sys/kernel/osrelease"
  mkdir -p "$tree/sys/class/net/eth0/device"
  echo "$2" >"$tree/sys/class/net/eth0/address"
  echo 0 >"$tree/sys/class/net/eth0/addr_assign_type"
  echo 1 >"$tree/sys/class/net/eth0/type"
  ln -sfn ../../../../bus/pci "$tree/sys/class/net/eth0/device/subsystem"
}

# One line of what an agent's machine is.
agent='{"type":"agent","v":1,"gpu_id":"none","gpu_slot":0,"hostname":"gpu-7","mac":"0c42a1b2c3d4","model":"llama3.1:70b"}'

# The examples' nodes listen where a port is free, and on this machine alone.
here_only() {
  mkdir -p "$HOME/.bin"
  PATH=$HOME/.bin:$PATH
  cat >"$HOME/.bin/cooee-sub" <<END
#!/bin/sh
case "\$*" in --serve*) set -- --serve --no-mdns --listen /ip4/127.0.0.1/tcp/0 ;; esac
exec $(command -v cooee-sub) "\$@"
END
  chmod +x "$HOME/.bin/cooee-sub"
}
