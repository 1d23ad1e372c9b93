# Authorizer for an HTTP API. Add this to your routes:
#   authorization_type = "CUSTOM"
#   authorizer_id      = aws_apigatewayv2_authorizer.multi_auth.id
# HTTP APIs have no gateway responses. If a credential cannot be checked, the client gets 500 instead of 503.

variable "http_api_id" {
  description = "The ID of your aws_apigatewayv2_api"
  type        = string
}

resource "aws_apigatewayv2_authorizer" "multi_auth" {
  name                              = "multi-auth"
  api_id                            = var.http_api_id
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = local.authorizer_uri
  authorizer_payload_format_version = "2.0"
  authorizer_result_ttl_in_seconds  = 0 # above 0 only with data_encoding = "base64url" in the authorizer's file
  enable_simple_responses           = false # true requires AuthConfig=http-api.toml
  identity_sources                  = ["$request.header.Authorization"]
}

resource "aws_lambda_permission" "http_api" {
  action        = "lambda:InvokeFunction"
  function_name = var.authorizer_function_arn
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${local.execution_arn}:${var.http_api_id}/authorizers/${aws_apigatewayv2_authorizer.multi_auth.id}"
}

# The public route of the metadata.
resource "aws_apigatewayv2_integration" "metadata" {
  count                  = local.metadata_routes
  api_id                 = var.http_api_id
  integration_type       = "AWS_PROXY"
  integration_uri        = var.metadata_function_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "metadata" {
  count              = local.metadata_routes
  api_id             = var.http_api_id
  route_key          = "GET /.well-known/oauth-protected-resource"
  authorization_type = "NONE"
  target             = "integrations/${aws_apigatewayv2_integration.metadata[0].id}"
}

resource "aws_lambda_permission" "http_api_metadata" {
  count         = local.metadata_routes
  action        = "lambda:InvokeFunction"
  function_name = var.metadata_function_arn
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${local.execution_arn}:${var.http_api_id}/*/*/.well-known/oauth-protected-resource"
}

# Use both in your aws_apigatewayv2_stage: default_route_settings and access_log_settings.
locals {
  http_throttle = { throttling_rate_limit = 100, throttling_burst_limit = 100 }

  http_access_log_format = jsonencode({
    requestId         = "$context.extendedRequestId"
    time              = "$context.requestTime"
    ip                = "$context.identity.sourceIp"
    method            = "$context.httpMethod"
    resource          = "$context.routeKey"
    status            = "$context.status"
    credential        = "$context.authorizer.credential"
    keyId             = "$context.authorizer.key_id"
    issuer            = "$context.authorizer.issuer"
    subjectHash       = "$context.authorizer.subject_hash"
    authorizerStatus  = "$context.authorizer.status"
    authorizerLatency = "$context.authorizer.latency"
    responseLatency   = "$context.responseLatency"
    error             = "$context.error.responseType"
  })
}
