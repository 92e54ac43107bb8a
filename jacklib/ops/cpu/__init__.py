"""Kernels for the CPU, and what calls them: C++ and oneDNN."""
