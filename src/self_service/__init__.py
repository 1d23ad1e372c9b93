"""The function of stacks/self-service: signed-in users make, roll and end API keys of their own."""
