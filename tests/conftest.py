"""Importing jacklib first makes `import jittor` work in every test, whatever their order."""

import jacklib  # noqa: F401
