# In the folder of a node that listens.
mkdir -p "$state"
cd "$state"
cooee-key new
cooee-sub --serve --no-mdns --listen /ip4/127.0.0.1/tcp/0 &
ready "$state"
