//! One call to AWS for each kind of resource, with the arguments that the module gives.

use crate::aws::{Aws, DYNAMODB, LOGS, SQS, STATES};
use anyhow::{Context, bail};
use base64::Engine as _;
use hcl::Map;
use serde_json::{Value, json};
use std::fs;

/// What changes nothing that the tests can see: guards, alarms, and settings of a bucket that lives for minutes.
const WITHOUT_EFFECT_HERE: &[&str] = &[
    "aws_cloudwatch_metric_alarm",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_sqs_queue_redrive_allow_policy",
];

/// Makes a resource; gives its arguments and what references ask for beside them.
pub(super) async fn make(
    aws: &Aws,
    kind: &str,
    arguments: Map<String, hcl::Value>,
) -> anyhow::Result<Map<String, hcl::Value>> {
    let given = serde_json::to_value(&arguments)?;
    let computed = match kind {
        _ if WITHOUT_EFFECT_HERE.contains(&kind) => json!({}),
        "aws_apigatewayv2_api" => api(aws, &given).await?,
        "aws_apigatewayv2_integration" => integration(aws, &given).await?,
        "aws_apigatewayv2_route" => route(aws, &given).await?,
        "aws_apigatewayv2_stage" => stage(aws, &given).await?,
        "aws_cloudwatch_log_group" => log_group(aws, &given).await?,
        "aws_dynamodb_table" => table(aws, &given).await?,
        "aws_iam_role" => role(aws, &given).await?,
        "aws_iam_role_policy" => role_policy(aws, &given).await?,
        "aws_lambda_event_source_mapping" => event_source(aws, &given).await?,
        "aws_lambda_function" => function(aws, &given).await?,
        "aws_lambda_permission" => permission(aws, &given).await?,
        "aws_s3_bucket" => bucket(aws, &given).await?,
        "aws_scheduler_schedule" => schedule(aws, &given).await?,
        "aws_scheduler_schedule_group" => schedule_group(aws, &given).await?,
        "aws_sfn_state_machine" => state_machine(aws, &given).await?,
        "aws_sqs_queue" => queue(aws, &given).await?,
        other => bail!("the stack without Terraform can't make a {other}: teach it to"),
    };
    let mut all = arguments;
    let computed: Map<String, hcl::Value> = serde_json::from_value(computed)?;
    all.extend(computed);
    Ok(all)
}

fn text<'v>(value: &'v Value, name: &str) -> anyhow::Result<&'v str> {
    value
        .get(name)
        .and_then(Value::as_str)
        .with_context(|| format!("{name} is missing in {value}"))
}

/// SQS takes all attributes as texts.
fn as_text(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(text),
        other => json!(other.to_string()),
    }
}

async fn api(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let body = json!({ "name": given["name"], "protocolType": given["protocol_type"] });
    let made = aws.post("apigateway", "/v2/apis", &body).await?;
    let id = text(&made, "apiId")?;
    Ok(json!({
        "id": id,
        // The path that is reachable everywhere; the emulator's host name for it does not resolve on every machine.
        "api_endpoint": format!("{}/_aws/execute-api/{id}/$default", aws.endpoint),
        "execution_arn": format!("arn:aws:execute-api:us-east-1:000000000000:{id}"),
    }))
}

async fn integration(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let body = json!({
        "integrationType": given["integration_type"],
        "integrationUri": given["integration_uri"],
        "payloadFormatVersion": given["payload_format_version"],
    });
    let path = format!("/v2/apis/{}/integrations", text(given, "api_id")?);
    let made = aws.post("apigateway", &path, &body).await?;
    Ok(json!({ "id": made["integrationId"] }))
}

async fn route(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let body = json!({ "routeKey": given["route_key"], "target": given["target"] });
    aws.post(
        "apigateway",
        &format!("/v2/apis/{}/routes", text(given, "api_id")?),
        &body,
    )
    .await?;
    Ok(json!({}))
}

async fn stage(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let body = json!({ "stageName": given["name"], "autoDeploy": given["auto_deploy"] });
    aws.post(
        "apigateway",
        &format!("/v2/apis/{}/stages", text(given, "api_id")?),
        &body,
    )
    .await?;
    Ok(json!({}))
}

async fn log_group(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let name = text(given, "name")?;
    aws.call(LOGS, "CreateLogGroup", &json!({ "logGroupName": name }))
        .await?;
    Ok(json!({ "arn": format!("arn:aws:logs:us-east-1:000000000000:log-group:{name}") }))
}

async fn table(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let key = |of: &Value| {
        json!([
            { "AttributeName": of["hash_key"], "KeyType": "HASH" },
            { "AttributeName": of["range_key"], "KeyType": "RANGE" },
        ])
    };
    let list = |name: &str| given[name].as_array().cloned().unwrap_or_default();
    let attributes: Vec<Value> = list("attribute")
        .iter()
        .map(|attribute| json!({ "AttributeName": attribute["name"], "AttributeType": attribute["type"] }))
        .collect();
    let indexes: Vec<Value> = list("global_secondary_index")
        .iter()
        .map(|index| {
            json!({
                "IndexName": index["name"],
                "KeySchema": key(index),
                "Projection": { "ProjectionType": index["projection_type"] },
            })
        })
        .collect();
    let body = json!({
        "TableName": given["name"],
        "BillingMode": given["billing_mode"],
        "KeySchema": key(given),
        "AttributeDefinitions": attributes,
        "GlobalSecondaryIndexes": indexes,
    });
    let made = aws.call(DYNAMODB, "CreateTable", &body).await?;
    let ttl = json!({
        "TableName": given["name"],
        "TimeToLiveSpecification": { "AttributeName": given["ttl"][0]["attribute_name"], "Enabled": true },
    });
    aws.call(DYNAMODB, "UpdateTimeToLive", &ttl).await?;
    Ok(json!({ "arn": made["TableDescription"]["TableArn"] }))
}

async fn role(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let name = text(given, "name")?;
    let form = [
        ("RoleName", name),
        ("AssumeRolePolicyDocument", text(given, "assume_role_policy")?),
    ];
    aws.form("iam", "CreateRole", &form).await?;
    Ok(json!({ "id": name, "arn": format!("arn:aws:iam::000000000000:role/{name}") }))
}

async fn role_policy(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let form = [
        ("RoleName", text(given, "role")?),
        ("PolicyName", text(given, "name")?),
        ("PolicyDocument", text(given, "policy")?),
    ];
    aws.form("iam", "PutRolePolicy", &form).await?;
    Ok(json!({}))
}

async fn function(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let package = text(given, "filename")?;
    let zip = fs::read(package).with_context(|| format!("{package} can't be read"))?;
    let body = json!({
        "FunctionName": given["function_name"],
        "Role": given["role"],
        "Runtime": given["runtime"],
        "Handler": given["handler"],
        "Architectures": given["architectures"],
        "MemorySize": given["memory_size"],
        "Timeout": given["timeout"],
        "Environment": { "Variables": given["environment"][0]["variables"] },
        "Code": { "ZipFile": base64::engine::general_purpose::STANDARD.encode(zip) },
    });
    let made = aws.post("lambda", "/2015-03-31/functions", &body).await?;
    let arn = text(&made, "FunctionArn")?;
    Ok(json!({
        "arn": arn,
        "invoke_arn": format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"),
    }))
}

async fn permission(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let body = json!({
        "StatementId": given["statement_id"],
        "Action": given["action"],
        "Principal": given["principal"],
        "SourceArn": given["source_arn"],
    });
    let path = format!("/2015-03-31/functions/{}/policy", text(given, "function_name")?);
    aws.post("lambda", &path, &body).await?;
    Ok(json!({}))
}

async fn event_source(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let body = json!({
        "EventSourceArn": given["event_source_arn"],
        "FunctionName": given["function_name"],
        "BatchSize": given["batch_size"],
        "FunctionResponseTypes": given["function_response_types"],
    });
    aws.post("lambda", "/2015-03-31/event-source-mappings/", &body)
        .await?;
    Ok(json!({}))
}

async fn bucket(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let name = text(given, "bucket")?;
    aws.put("s3", &format!("/{name}"), &Value::Null).await?;
    Ok(json!({ "id": name, "arn": format!("arn:aws:s3:::{name}") }))
}

async fn schedule_group(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let name = text(given, "name")?;
    let made = aws
        .post("scheduler", &format!("/schedule-groups/{name}"), &json!({}))
        .await?;
    Ok(json!({ "arn": made["ScheduleGroupArn"] }))
}

async fn schedule(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let target = &given["target"][0];
    let body = json!({
        "GroupName": given["group_name"],
        "ScheduleExpression": given["schedule_expression"],
        "FlexibleTimeWindow": { "Mode": given["flexible_time_window"][0]["mode"] },
        "Target": { "Arn": target["arn"], "RoleArn": target["role_arn"] },
    });
    aws.post(
        "scheduler",
        &format!("/schedules/{}", text(given, "name")?),
        &body,
    )
    .await?;
    Ok(json!({}))
}

async fn state_machine(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let body = json!({
        "name": given["name"],
        "type": given["type"],
        "roleArn": given["role_arn"],
        "definition": given["definition"],
    });
    let made = aws.call(STATES, "CreateStateMachine", &body).await?;
    Ok(json!({ "arn": made["stateMachineArn"] }))
}

async fn queue(aws: &Aws, given: &Value) -> anyhow::Result<Value> {
    let names = [
        ("visibility_timeout_seconds", "VisibilityTimeout"),
        ("message_retention_seconds", "MessageRetentionPeriod"),
        ("receive_wait_time_seconds", "ReceiveMessageWaitTimeSeconds"),
        ("max_message_size", "MaximumMessageSize"),
        ("redrive_policy", "RedrivePolicy"),
    ];
    let attributes: serde_json::Map<String, Value> = names
        .iter()
        .filter_map(|(ours, theirs)| Some(((*theirs).to_owned(), as_text(given.get(ours)?))))
        .collect();
    let body = json!({ "QueueName": given["name"], "Attributes": attributes });
    let made = aws.call(SQS, "CreateQueue", &body).await?;
    let url = text(&made, "QueueUrl")?;
    let asked = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
    let known = aws.call(SQS, "GetQueueAttributes", &asked).await?;
    Ok(json!({ "id": url, "url": url, "arn": known["Attributes"]["QueueArn"] }))
}
