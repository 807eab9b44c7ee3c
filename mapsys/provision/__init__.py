"""Sites that come by the API: kept in a database of the state folder, beside those of files."""
