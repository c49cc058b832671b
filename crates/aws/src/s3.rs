//! S3 behind the Blobs port.

use crate::fault::Fault;
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::Object;
use checkmill_core::UnixMillis;
use checkmill_phases::ports::{BlobInfo, Blobs, StoreError};

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
        let objects = self.objects(prefix).await?;
        Ok(objects.into_iter().filter_map(|object| object.key).collect())
    }

    async fn put_new(&self, key: &str, bytes: Vec<u8>) -> Result<bool, StoreError> {
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .if_none_match("*");
        match put.body(ByteStream::from(bytes)).send().await {
            Ok(_) => Ok(true),
            Err(error) => match Fault::of(&error) {
                Fault::Refused { code, .. } if code == "PreconditionFailed" => Ok(false),
                fault => Err(store_error(&fault)),
            },
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let delete = self.client.delete_object().bucket(&self.bucket).key(key);
        let deleted = delete.send().await;
        deleted.map(drop).map_err(|error| store_error(&Fault::of(&error)))
    }

    async fn describe(&self, prefix: &str) -> Result<Vec<BlobInfo>, StoreError> {
        let info = |object: Object| {
            let millis = object.last_modified?.to_millis().ok()?;
            Some(BlobInfo {
                key: object.key?,
                bytes: u64::try_from(object.size?).ok()?,
                modified: UnixMillis(u64::try_from(millis).ok()?),
            })
        };
        Ok(self.objects(prefix).await?.into_iter().filter_map(info).collect())
    }
}

impl S3Blobs {
    /// What a listing says, to its end, sorted by key.
    async fn objects(&self, prefix: &str) -> Result<Vec<Object>, StoreError> {
        let mut objects = Vec::new();
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
            objects.extend(page.contents.unwrap_or_default());
            next = page.next_continuation_token;
            if next.is_none() {
                // S3 sorts, its directory buckets and imitations may not.
                objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
                return Ok(objects);
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
    async fn a_new_blob_is_put_on_the_condition_that_there_is_none() {
        let taken = "<Error><Code>PreconditionFailed</Code><Message>words</Message></Error>";
        let script = Scripted::new([(200, ""), (412, taken), (204, "")]);
        let blobs = blobs(&script);
        assert_eq!(blobs.put_new("a", b"1".to_vec()).await, Ok(true));
        assert_eq!(blobs.put_new("a", b"2".to_vec()).await, Ok(false));
        assert_eq!(blobs.delete("a").await, Ok(()));
        assert_eq!(
            script.asked(),
            [
                "PUT /logs/a?x-id=PutObject 1",
                "PUT /logs/a?x-id=PutObject 2",
                "DELETE /logs/a?x-id=DeleteObject"
            ]
        );
    }

    #[tokio::test]
    async fn blobs_are_described_with_size_and_time() {
        let page = "<ListBucketResult><Contents><Key>a</Key><Size>7</Size>\
                    <LastModified>1970-01-01T00:00:01.500Z</LastModified></Contents></ListBucketResult>";
        let script = Scripted::new([(200, page)]);
        assert_eq!(
            blobs(&script).describe("").await.unwrap(),
            [BlobInfo {
                key: "a".to_owned(),
                bytes: 7,
                modified: UnixMillis(1500)
            }]
        );
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
