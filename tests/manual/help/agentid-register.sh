# A Leader whose node runs, and one request, from a host that it invited.
cooee-key found
cooee-sub --serve --no-mdns --listen /ip4/127.0.0.1/tcp/0 &
ready "$state"
cooee-key invite | cooee-key join --dir host -
echo "$agent" | agentid-hash | age-enrol --dir host >requests
