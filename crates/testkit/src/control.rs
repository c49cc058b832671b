//! The control API.

use crate::server::call::RawRequest;
use crate::server::reply::Reply;
use crate::shared::Shared;
use std::sync::Arc;

pub(crate) async fn answer(_shared: &Arc<Shared>, _raw: &RawRequest) -> Option<Reply> {
    None
}
