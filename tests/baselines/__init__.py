"""Tests of the baselines, and their slow references."""
