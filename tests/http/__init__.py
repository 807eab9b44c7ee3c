"""Tests of the query socket and the HTTP process."""
