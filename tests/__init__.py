"""Tests mirror the packages; what no package owns has a file here."""
