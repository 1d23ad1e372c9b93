"""Usage plans of API Gateway for consumers and subjects: the native API keys that count their requests."""
