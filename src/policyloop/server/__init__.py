"""HTTP: the endpoint table, and what stands between the network and its handlers."""
