"""Simulation of Claude's Messages API."""
