# A node that reaches one of its two peers, and hears an agent of its host.
. "$help/fleet.sh"
cooee-sub --serve --no-mdns --listen /ip4/127.0.0.1/tcp/0 --peer /ip4/127.0.0.1/tcp/9 &
ready "$state"
echo "$agent" | agentid-hash | age-enrol | cooee-pub --wait answered
{
  echo '{"type":"availability","subject":"ucxl://any:any@any:any/#","data":{"state":"working","tasks":1,"tasks_most":4}}'
  echo '{"type":"capability","subject":"ucxl://any:any@any:any/#","data":{"models":["llama3.1:70b"]}}'
} | cooee-pub --agent G6WG9CTNJ8
until cooee-peers | grep -q '"round_trip_ms":[0-9]'; do sleep 0.05; done
until cooee-peers --doctor | grep -q port_closed; do sleep 0.05; done
until cooee-peers --agents | grep -q '"token":"80007".*working.*llama3'; do sleep 0.05; done
