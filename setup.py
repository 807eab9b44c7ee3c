"""The native engine, built where a C compiler and Python's headers are; all else is in pyproject.

Where they are missing the build goes on without it, and mapsys runs its pure engine.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import Extension, setup

LIMITED_API = "0x030B0000"
"""Python 3.11: one build serves it and what comes after."""

PARTS = [str(part) for part in sorted(Path("mapsys/native").glob("*.[ph]*"))]

engine = Extension(
    "mapsys.native._engine",
    ["mapsys/native/_engine.pyx"],
    depends=PARTS,
    define_macros=[("Py_LIMITED_API", LIMITED_API), ("CYTHON_LIMITED_API", "1")],
    extra_compile_args=["-O2", "-Wall", "-Wextra"],
    py_limited_api=True,
    optional=True,
)

setup(ext_modules=[engine], options={"bdist_wheel": {"py_limited_api": "cp311"}})
