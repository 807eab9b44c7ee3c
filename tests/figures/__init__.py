"""Promises as numbers: measured in each run, and at a larger scale in the long one."""
