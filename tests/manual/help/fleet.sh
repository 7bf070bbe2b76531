# A fleet for the examples: its Leader in leader/, whose node runs and lets
# hosts in, and a host that has joined it, in the folder of the examples' user.
cooee-key found --dir leader
cooee-sub --serve --dir leader --no-mdns --listen /ip4/127.0.0.1/tcp/0 &
ready leader
cooee-key invite --dir leader | cooee-key join -
cooee-sub --dir leader --unanswered 'ucxl://any:admin@COOEE:enrol/#/agentid/*' |
  age-enrol --dir leader --open | agentid-register --dir leader | cooee-pub --dir leader &
