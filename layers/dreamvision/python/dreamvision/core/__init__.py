"""Shared basics: clock, configuration, ids, errors and their reports, logging, metrics, pricing, secrets, workflows."""
