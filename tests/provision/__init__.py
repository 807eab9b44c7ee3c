"""Sites of the database, without a node."""
