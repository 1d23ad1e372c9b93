# The authorizer, deployed by its own stack, on a REST API that Terraform manages.
# Add to your methods: authorization = "CUSTOM", authorizer_id = aws_api_gateway_authorizer.multi_auth.id

variable "authorizer_function_arn" {
  description = "The output AuthorizerFunctionArn of the authorizer's stack, in the same account and region"
  type        = string
}

variable "rest_api_id" {
  description = "The id of your aws_api_gateway_rest_api"
  type        = string
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
  account   = data.aws_caller_identity.current.account_id
}

resource "aws_api_gateway_authorizer" "multi_auth" {
  name                             = "multi-auth"
  rest_api_id                      = var.rest_api_id
  type                             = "REQUEST"
  identity_source                  = "method.request.header.Authorization"
  authorizer_result_ttl_in_seconds = 30
  authorizer_uri                   = "arn:${local.partition}:apigateway:${local.region}:lambda:path/2015-03-31/functions/${var.authorizer_function_arn}/invocations"
}

resource "aws_lambda_permission" "multi_auth" {
  action        = "lambda:InvokeFunction"
  function_name = var.authorizer_function_arn
  principal     = "apigateway.amazonaws.com"
  source_arn    = "arn:${local.partition}:execute-api:${local.region}:${local.account}:${var.rest_api_id}/authorizers/${aws_api_gateway_authorizer.multi_auth.id}"
}

# The authorizer raises when it could not decide. Without this, clients get 500 and no hint to try again.
resource "aws_api_gateway_gateway_response" "authorizer_failure" {
  for_each      = toset(["AUTHORIZER_FAILURE", "AUTHORIZER_CONFIGURATION_ERROR"])
  rest_api_id   = var.rest_api_id
  response_type = each.key
  status_code   = "503"

  response_parameters = {
    "gatewayresponse.header.Content-Type" = "'application/problem+json'"
    "gatewayresponse.header.Retry-After"  = "'5'"
  }
  response_templates = {
    "application/json" = jsonencode({ type = "about:blank", title = "Service Unavailable", status = 503 })
  }
}

output "authorizer_id" {
  value = aws_api_gateway_authorizer.multi_auth.id
}
