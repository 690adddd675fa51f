"""Simulation of Runway's API."""
