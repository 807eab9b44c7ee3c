"""A whole network on one machine: namespaces, daemons, tunnels, hosts, and what to try on it."""
