# A Leader's folder with one agent in its registry.
cooee-key found
cooee-key invite --node /ip4/192.0.2.7/tcp/4001/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN |
  cooee-key join --dir host -
echo "$agent" | agentid-hash | age-enrol --dir host | age-enrol --open | agentid-register
