"""One service of the data by itself: on loopback, with one Nomad agent and nothing else of the fleet."""
