"""BGP by ExaBGP: its process, its configuration, its words and its events."""
