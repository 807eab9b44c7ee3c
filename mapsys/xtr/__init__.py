"""A reference tunnel router: small and readable, to prove the mapping system with real packets."""
