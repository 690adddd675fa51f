"""The shapes of requests and answers: the contract with the mobile app."""
