# What was seen of one agent.
for seen in '"output","accepted":true,"consumer":"ci"' '"policy","compliant":true,"policy":"no-egress"' \
  '"output","accepted":false,"consumer":"ci"'; do
  echo '{"type":'"$seen"',"agent_did":"did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp#BPNTVYSZ5Y"}'
done >signals
