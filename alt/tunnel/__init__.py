"""GRE tunnels between ALT nodes behind one interface (RFC 6836, 4.3)."""
