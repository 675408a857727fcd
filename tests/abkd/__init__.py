"""Tests of ABKD and STRIDE, and their slow reference."""
