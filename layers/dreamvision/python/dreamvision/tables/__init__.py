"""DynamoDB: one module per table, and the only place that knows an expression or a key.

Every table of personal data has the caller's ``sub`` as its partition key, so that a query for somebody else's row
cannot be expressed.
"""
