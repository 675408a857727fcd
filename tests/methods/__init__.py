"""Tests of the contract, its registry, its test-kit and what methods share; and of every loss at once."""
