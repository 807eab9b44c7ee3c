"""Mutants of the code, and the table of conformance that names them."""
