//! Long polls: a bounded number of them waits, and the others are asked to come back.

use std::time::Duration;

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::Api;
use crate::error::Error;

/// After how many seconds a caller for whom no place was left asks again: one of these, so that not all come at once.
const AGAIN: std::ops::RangeInclusive<u64> = 2..=4;

/// The answer to a request that may wait.
#[derive(Debug)]
pub(crate) struct Waited<T> {
    answer: T,
    /// After how many seconds to ask again, where there was news of nothing and no place to wait.
    again: Option<u64>,
}

impl<T> Waited<T> {
    /// There is news, or the wait is over.
    pub(crate) fn over(answer: T) -> Self {
        Self { answer, again: None }
    }

    /// There is no news, and no place to wait for it.
    pub(crate) fn no_place(answer: T) -> Self {
        Self {
            answer,
            again: Some(rand::random_range(AGAIN)),
        }
    }
}

impl<T: Serialize> IntoResponse for Waited<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.answer).into_response();
        if let Some(seconds) = self.again {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl Api {
    /// Waits in one of the places; `None`, at once, where none is free.
    pub(crate) async fn in_place<T>(
        &self,
        longest: Duration,
        wait: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<Option<T>, Error> {
        let Some(place) = self.store.take_waiting_place(self.concurrent_waits, longest).await? else {
            return Ok(None);
        };
        let outcome = wait.await;
        if let Err(error) = self.store.leave_waiting_place(place).await {
            // It expires.
            tracing::warn!(error = %slipway_model::error_chain::chain(&error), "failed to give back a place to wait");
        }
        outcome.map(Some)
    }
}
