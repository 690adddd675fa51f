"""What every other package uses: clock, configuration, ids, errors, logging, prices, secrets and Step Functions."""
