# The other machine is another home here.
here_only
ssh() {
  mkdir -p "$1"
  (HOME=$PWD/$1 && shift && "$@")
}
