# Attaches the authorizer of a deployed stack to APIs that Terraform manages. Copy this file, and rest-api.tf or http-api.tf.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0" # older versions lack the attribute "region" of data.aws_region
    }
  }
}

variable "authorizer_function_arn" {
  description = "The output AuthorizerFunctionArn of the authorizer's stack, in the same account and Region"
  type        = string
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition      = data.aws_partition.current.partition
  region         = data.aws_region.current.region
  execution_arn  = "arn:${local.partition}:execute-api:${local.region}:${data.aws_caller_identity.current.account_id}"
  authorizer_uri = "arn:${local.partition}:apigateway:${local.region}:lambda:path/2015-03-31/functions/${var.authorizer_function_arn}/invocations"
}
