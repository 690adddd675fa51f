"""Shared basics: clock, configuration, ids, errors, logging, metrics, pricing, secrets and Step Functions."""
