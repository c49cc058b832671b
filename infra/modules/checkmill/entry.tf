# Two ways in: one HTTP API for both functions, or a function URL for each.

locals {
  http_api      = var.entry == "http_api" ? 1 : 0
  function_urls = var.entry == "function_url" ? 1 : 0

  webhook_routes = ["POST /", "POST /webhook", "POST /api/github/webhooks", "GET /healthz"]

  webhook_url = trimsuffix(one(concat(
    aws_apigatewayv2_api.entry[*].api_endpoint,
    aws_lambda_function_url.webhook[*].function_url,
  )), "/")
  api_url = trimsuffix(one(concat(
    aws_apigatewayv2_api.entry[*].api_endpoint,
    aws_lambda_function_url.api[*].function_url,
  )), "/")
}

resource "aws_apigatewayv2_api" "entry" {
  count = local.http_api

  name          = var.name
  description   = "GitHub's webhooks and the jobs' reports"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_stage" "entry" {
  count = local.http_api

  api_id      = aws_apigatewayv2_api.entry[0].id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.entry_requests_per_second
    throttling_burst_limit = 2 * var.entry_requests_per_second
  }
}

resource "aws_apigatewayv2_integration" "webhook" {
  count = local.http_api

  api_id                 = aws_apigatewayv2_api.entry[0].id
  integration_type       = "AWS_PROXY"
  integration_uri        = module.function["webhook"].invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_integration" "api" {
  count = local.http_api

  api_id                 = aws_apigatewayv2_api.entry[0].id
  integration_type       = "AWS_PROXY"
  integration_uri        = module.api.invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "webhook" {
  for_each = local.http_api == 1 ? toset(local.webhook_routes) : []

  api_id    = aws_apigatewayv2_api.entry[0].id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.webhook[0].id}"
}

# The api function answers 404 for paths that it does not know.
resource "aws_apigatewayv2_route" "api" {
  count = local.http_api

  api_id    = aws_apigatewayv2_api.entry[0].id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.api[0].id}"
}

resource "aws_lambda_permission" "http_api" {
  for_each = local.http_api == 1 ? { webhook = module.function["webhook"].name, api = module.api.name } : {}

  statement_id  = "HttpApi"
  action        = "lambda:InvokeFunction"
  function_name = each.value
  principal     = "apigateway.amazonaws.com"
  # Any stage and route of this one API.
  source_arn = "${aws_apigatewayv2_api.entry[0].execution_arn}/*/*"
}

# GitHub signs its requests and jobs carry tokens; neither can sign for IAM.
resource "aws_lambda_function_url" "webhook" {
  count = local.function_urls

  function_name      = module.function["webhook"].name
  authorization_type = "NONE"
}

resource "aws_lambda_function_url" "api" {
  count = local.function_urls

  function_name      = module.api.name
  authorization_type = "NONE"
}
