//! A refusal reaches whoever is still sending.
//!
//! A connection that is closed while bytes of the request are on their way is reset, and a reset takes the answer with it. So what
//! nobody reads of a body is read on for a while and thrown away; nginx calls this `lingering_close`, and the times are its.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
    extract::Request,
};
use futures::StreamExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::{runtime::Handle, time::timeout};

/// How long it is read on altogether.
const LONGEST: Duration = Duration::from_secs(30);
/// How long without a byte.
const SILENCE: Duration = Duration::from_secs(5);

/// What is dropped of the request's body will be read on.
pub async fn read_on(request: Request) -> Request {
    if request.body().is_end_stream() {
        return request;
    }
    request.map(|body| Body::new(Lingering { body, coming: true }))
}

struct Lingering {
    body: Body,
    coming: bool,
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.coming = matches!(frame, Some(Ok(_)));
        Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::into_inner)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if !self.coming || self.body.is_end_stream() {
            return;
        }
        let rest = std::mem::take(&mut self.body);
        // Without a runtime there is no connection either.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(LONGEST, until_silent(rest, SILENCE)));
        }
    }
}

async fn until_silent(rest: Body, silence: Duration) {
    let mut rest = rest.into_data_stream();
    while let Ok(Some(Ok(_))) = timeout(silence, rest.next()).await {}
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    #[tokio::test]
    async fn who_sends_no_more_is_not_waited_for() {
        let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"a"))]);
        let body = Body::from_stream(begun.chain(stream::pending()));
        let read = until_silent(body, Duration::from_millis(20));
        timeout(Duration::from_secs(20), read)
            .await
            .expect("it comes to an end");
    }
}
