//! S3 behind the Blobs port.

use crate::fault::Fault;
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use checkmill_phases::ports::{Blobs, StoreError};

#[derive(Debug, Clone)]
pub struct S3Blobs {
    client: Client,
    bucket: String,
}

impl S3Blobs {
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self {
            client,
            bucket: bucket.into(),
        }
    }
}

fn store_error(fault: &Fault) -> StoreError {
    match fault {
        Fault::Transient(what) => StoreError::Transient(format!("S3: {what}")),
        Fault::Refused { .. } => StoreError::Corrupt(format!("S3: {fault}")),
    }
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map(drop)
            .map_err(|error| store_error(&Fault::of(&error)))
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let object = match request.send().await {
            Ok(object) => object,
            Err(error) => {
                let absent = error
                    .as_service_error()
                    .is_some_and(GetObjectError::is_no_such_key);
                return if absent {
                    Ok(None)
                } else {
                    Err(store_error(&Fault::of(&error)))
                };
            }
        };
        let body = object.body.collect().await;
        let body = body.map_err(|error| StoreError::Transient(format!("S3: {key} broke off: {error}")))?;
        Ok(Some(body.to_vec()))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut keys = Vec::new();
        let mut next = None;
        loop {
            let page = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(prefix)
                .set_continuation_token(next)
                .send()
                .await
                .map_err(|error| store_error(&Fault::of(&error)))?;
            keys.extend(
                page.contents
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|object| object.key),
            );
            next = page.next_continuation_token;
            if next.is_none() {
                // S3 sorts, its directory buckets and imitations may not.
                keys.sort_unstable();
                return Ok(keys);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    fn blobs(script: &Scripted) -> S3Blobs {
        S3Blobs::new(script.connection().s3(), "logs")
    }

    #[tokio::test]
    async fn a_blob_is_put_and_got_under_its_key() {
        let script = Scripted::new([(200, ""), (200, "text")]);
        let blobs = blobs(&script);
        blobs.put("jobs/a b/log", b"text".to_vec()).await.unwrap();
        assert_eq!(blobs.get("jobs/a b/log").await, Ok(Some(b"text".to_vec())));
        assert_eq!(
            script.asked(),
            [
                "PUT /logs/jobs/a%20b/log?x-id=PutObject text",
                "GET /logs/jobs/a%20b/log?x-id=GetObject"
            ]
        );
    }

    #[tokio::test]
    async fn an_absent_blob_is_none_and_a_refusal_is_not() {
        let answer = |code: &str| format!("<Error><Code>{code}</Code><Message>words</Message></Error>");
        let script = Scripted::new([
            (404, answer("NoSuchKey").as_str()),
            (404, &answer("NoSuchBucket")),
            (403, &answer("AccessDenied")),
        ]);
        let blobs = blobs(&script);
        assert_eq!(blobs.get("none").await, Ok(None));
        for code in ["NoSuchBucket", "AccessDenied"] {
            assert_eq!(
                blobs.get("none").await,
                Err(StoreError::Corrupt(format!("S3: {code}: words")))
            );
        }
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_end_and_sorted() {
        let page = |keys: &[&str], next: &str| {
            let keys: String = keys
                .iter()
                .map(|k| format!("<Contents><Key>{k}</Key></Contents>"))
                .collect();
            format!("<ListBucketResult>{keys}{next}</ListBucketResult>")
        };
        let script = Scripted::new([
            (
                200,
                page(&["b", "c"], "<NextContinuationToken>t</NextContinuationToken>").as_str(),
            ),
            (200, &page(&["a"], "")),
        ]);
        assert_eq!(blobs(&script).list("p/").await.unwrap(), ["a", "b", "c"]);
        assert_eq!(
            script.asked(),
            [
                "GET /logs/?list-type=2&prefix=p%2F",
                "GET /logs/?list-type=2&prefix=p%2F&continuation-token=t"
            ]
        );
    }
}
