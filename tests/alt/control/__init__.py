"""The ALT control plane: delegations, policy, RIBs, and BGP by ExaBGP."""
