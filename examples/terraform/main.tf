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

variable "resource_identifier" {
  description = "The value of the authorizer's stack. Empty - off: no public route of the metadata"
  type        = string
  default     = ""
}

variable "metadata_function_arn" {
  description = "The output MetadataFunctionArn of the authorizer's stack, required with resource_identifier"
  type        = string
  default     = ""
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition      = data.aws_partition.current.partition
  region         = data.aws_region.current.region
  execution_arn  = "arn:${local.partition}:execute-api:${local.region}:${data.aws_caller_identity.current.account_id}"
  functions      = "arn:${local.partition}:apigateway:${local.region}:lambda:path/2015-03-31/functions"
  authorizer_uri = "${local.functions}/${var.authorizer_function_arn}/invocations"
  # For count: the public route of the metadata (docs/agents.md).
  metadata_routes = var.resource_identifier == "" ? 0 : 1
}
