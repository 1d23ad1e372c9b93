# Authorizer for a REST API. Add this to your methods:
#   authorization = "CUSTOM"
#   authorizer_id = aws_api_gateway_authorizer.multi_auth.id

variable "rest_api_id" {
  description = "The ID of your aws_api_gateway_rest_api"
  type        = string
}

variable "root_resource_id" {
  description = "The root_resource_id of your aws_api_gateway_rest_api, required with resource_identifier"
  type        = string
  default     = ""
}

variable "stage_name" {
  description = "The name of your aws_api_gateway_stage"
  type        = string
}

variable "resource_scopes" {
  description = "The resource_scopes of the authorizer's file, separated by spaces, for the 401. Empty - it names none"
  type        = string
  default     = ""
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

# The authorizer raises an error for 401 and 503. Without these responses, the client gets 500 instead of 503.
# They apply from your next aws_api_gateway_deployment. The bodies have a fixed text, because API Gateway's own can contain the Authorization header.
locals {
  scope             = var.resource_scopes == "" ? "" : ", scope=\"${var.resource_scopes}\""
  resource_metadata = var.resource_identifier == "" ? "" : ", resource_metadata=\"${var.resource_identifier}/.well-known/oauth-protected-resource\""
  gateway_responses = {
    UNAUTHORIZED = {
      status  = "401"
      headers = {
        "Content-Type"                  = "'application/problem+json'"
        "Cache-Control"                 = "'no-store'"
        "Access-Control-Allow-Origin"   = "'*'"
        "Access-Control-Expose-Headers" = "'WWW-Authenticate'"
        "WWW-Authenticate"              = "'Bearer realm=\"api\"${local.scope}${local.resource_metadata}'"
      }
      body = {
        type      = "about:blank"
        title     = "Unauthorized"
        status    = 401
        detail    = "A valid API key or JWT is required, as Authorization: Bearer <credential>."
        requestId = "$context.extendedRequestId"
      }
    }
    ACCESS_DENIED = {
      status  = "403"
      headers = {
        "Content-Type"                = "'application/problem+json'"
        "Cache-Control"               = "'no-store'"
        "Access-Control-Allow-Origin" = "'*'"
      }
      body = {
        type           = "about:blank"
        title          = "Forbidden"
        status         = 403
        detail         = "This credential does not permit this route."
        missing_scopes = "$context.authorizer.missing_scopes"
        requestId      = "$context.extendedRequestId"
      }
    }
    AUTHORIZER_FAILURE = {
      status  = "503"
      headers = {
        "Content-Type"                  = "'application/problem+json'"
        "Cache-Control"                 = "'no-store'"
        "Access-Control-Allow-Origin"   = "'*'"
        "Access-Control-Expose-Headers" = "'Retry-After'"
        "Retry-After"                   = "'5'"
      }
      body = {
        type      = "about:blank"
        title     = "Service Unavailable"
        status    = 503
        detail    = "The credential could not be checked just now. Please try again."
        requestId = "$context.extendedRequestId"
      }
    }
    AUTHORIZER_CONFIGURATION_ERROR = {
      status  = "503"
      headers = {
        "Content-Type"                  = "'application/problem+json'"
        "Cache-Control"                 = "'no-store'"
        "Access-Control-Allow-Origin"   = "'*'"
        "Access-Control-Expose-Headers" = "'Retry-After'"
        "Retry-After"                   = "'5'"
      }
      body = {
        type      = "about:blank"
        title     = "Service Unavailable"
        status    = 503
        detail    = "The credential could not be checked just now. Please try again."
        requestId = "$context.extendedRequestId"
      }
    }
    MISSING_AUTHENTICATION_TOKEN = {
      status  = "404"
      headers = {
        "Content-Type"                = "'application/problem+json'"
        "Cache-Control"               = "'no-store'"
        "Access-Control-Allow-Origin" = "'*'"
      }
      body = {
        type      = "about:blank"
        title     = "Not Found"
        status    = 404
        detail    = "There is no such route."
        requestId = "$context.extendedRequestId"
      }
    }
    DEFAULT_4XX = {
      status  = null
      headers = {
        "Content-Type"                = "'application/problem+json'"
        "Cache-Control"               = "'no-store'"
        "Access-Control-Allow-Origin" = "'*'"
      }
      body = {
        type      = "about:blank"
        title     = "The request was refused"
        detail    = "API Gateway refused the request."
        requestId = "$context.extendedRequestId"
      }
    }
    DEFAULT_5XX = {
      status  = null
      headers = {
        "Content-Type"                = "'application/problem+json'"
        "Cache-Control"               = "'no-store'"
        "Access-Control-Allow-Origin" = "'*'"
      }
      body = {
        type      = "about:blank"
        title     = "The request failed"
        detail    = "API Gateway could not answer the request."
        requestId = "$context.extendedRequestId"
      }
    }
  }

  # Use it as `format` in access_log_settings of your aws_api_gateway_stage.
  access_log_format = jsonencode({
    requestId         = "$context.extendedRequestId"
    time              = "$context.requestTime"
    ip                = "$context.identity.sourceIp"
    method            = "$context.httpMethod"
    resource          = "$context.resourcePath"
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

resource "aws_api_gateway_gateway_response" "multi_auth" {
  for_each      = local.gateway_responses
  rest_api_id   = var.rest_api_id
  response_type = each.key
  status_code   = each.value.status

  response_parameters = { for name, value in each.value.headers : "gatewayresponse.header.${name}" => value }
  response_templates  = { "application/json" = jsonencode(each.value.body) }
}

# One sender cannot cause more invocations of the authorizer than this limit, in requests per second.
resource "aws_api_gateway_method_settings" "throttle" {
  rest_api_id = var.rest_api_id
  stage_name  = var.stage_name
  method_path = "*/*"

  settings {
    throttling_rate_limit  = 100
    throttling_burst_limit = 100
  }
}

# The public route of the metadata. Add these to the triggers of your aws_api_gateway_deployment.
resource "aws_api_gateway_resource" "well_known" {
  count       = local.metadata_routes
  rest_api_id = var.rest_api_id
  parent_id   = var.root_resource_id
  path_part   = ".well-known"
}

resource "aws_api_gateway_resource" "metadata" {
  count       = local.metadata_routes
  rest_api_id = var.rest_api_id
  parent_id   = aws_api_gateway_resource.well_known[0].id
  path_part   = "oauth-protected-resource"
}

resource "aws_api_gateway_method" "metadata" {
  count         = local.metadata_routes
  rest_api_id   = var.rest_api_id
  resource_id   = aws_api_gateway_resource.metadata[0].id
  http_method   = "GET"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "metadata" {
  count                   = local.metadata_routes
  rest_api_id             = var.rest_api_id
  resource_id             = aws_api_gateway_resource.metadata[0].id
  http_method             = aws_api_gateway_method.metadata[0].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = "${local.functions}/${var.metadata_function_arn}/invocations"
}

resource "aws_lambda_permission" "rest_api_metadata" {
  count         = local.metadata_routes
  action        = "lambda:InvokeFunction"
  function_name = var.metadata_function_arn
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${local.execution_arn}:${var.rest_api_id}/*/GET/.well-known/oauth-protected-resource"
}
