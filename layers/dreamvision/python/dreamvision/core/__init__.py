"""Shared basics: clock, configuration, ids, errors, logging, pricing, secrets and Step Functions."""
