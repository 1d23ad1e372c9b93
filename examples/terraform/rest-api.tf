# Authorizer for a REST API. Add this to your methods:
#   authorization = "CUSTOM"
#   authorizer_id = aws_api_gateway_authorizer.multi_auth.id

variable "rest_api_id" {
  description = "The ID of your aws_api_gateway_rest_api"
  type        = string
}

resource "aws_api_gateway_authorizer" "multi_auth" {
  name                             = "multi-auth"
  rest_api_id                      = var.rest_api_id
  type                             = "REQUEST"
  identity_source                  = "method.request.header.Authorization"
  authorizer_result_ttl_in_seconds = 30
  authorizer_uri                   = local.authorizer_uri
}

resource "aws_lambda_permission" "rest_api" {
  action        = "lambda:InvokeFunction"
  function_name = var.authorizer_function_arn
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${local.execution_arn}:${var.rest_api_id}/authorizers/${aws_api_gateway_authorizer.multi_auth.id}"
}

# If a credential cannot be checked, the authorizer raises an error. Without these responses, the client gets 500 without Retry-After.
# They apply from your next aws_api_gateway_deployment.
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
