# A Leader's folder whose log holds a request that nobody has answered.
here_only
cooee-key found
cooee-sub --serve &
ready "$state"
cooee-key invite | cooee-key join --dir host -
echo "$agent" | agentid-hash | age-enrol --dir host | cooee-pub
kill $!
wait $!
