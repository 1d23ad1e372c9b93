"""What checkov and cfn-lint's serverless rules find in the templates, and why it is right as it is."""
