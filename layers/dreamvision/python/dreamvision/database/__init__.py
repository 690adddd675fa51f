"""DynamoDB: client, transactions, pagination and text compression."""
