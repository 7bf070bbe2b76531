# A machine without a GPU, whose kernel is another once its probe is saved.
machine worker a0:36:9f:00:00:01
hwprobe() {
  test ! -s probe.json || echo 6.1.0-32 >"$tree/proc/sys/kernel/osrelease"
  command hwprobe --root "$tree" "$@"
}
